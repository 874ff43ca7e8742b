//! Which passwords may be chosen.

use counterfoil::domain::password::{ALONE, Known, LONGEST, WITH_SECOND_FACTOR, acceptable, blocked};
use counterfoil::domain::password_leaks::{Leaked, listed};
use counterfoil::domain::password_words::{KEYS, SMALL, WORDS};

fn known() -> Known {
    Known::of(["Northwind Traders", "Île-de-France", "Marta Ortega", "marta.ortega@northwind.example"])
}

#[test]
fn length_is_counted_in_characters_and_nothing_else_is_asked_for() {
    let may = |password: &str| acceptable(password, ALONE, &known());
    assert!(may("gravel tulip o").unwrap_err().to_string().contains("at least 15 characters"));
    may("gravel tulip ox").unwrap();
    for good in [
        "five quiet green garden chairs",
        "         gravel tulip ox",
        "ßlvñpxÿqkwzjþæœ",
        "🦊🌵🎺🧲🪁🥁🛶🧵🪑🍋🧀🪆🎷🚲🧭",
        "839471620583947",
        "%!~^&*:;?-=@<>#(",
    ] {
        may(good).unwrap_or_else(|refusal| panic!("{good}: {refusal}"));
    }
    may(&"lorem ipsum dolor ".repeat(10)[..128]).unwrap();
    may(&"gravel tulip oxen kettle ".repeat(11)[..LONGEST]).unwrap();
    assert!(may(&"x".repeat(LONGEST + 1)).unwrap_err().to_string().contains("at most 256"));
    assert!(may(&"gravel tulip ".repeat(800)).is_err());
    acceptable("gravelox", WITH_SECOND_FACTOR, &known()).unwrap();
    assert!(acceptable("gravel", WITH_SECOND_FACTOR, &known()).is_err());
    assert!(acceptable("password", WITH_SECOND_FACTOR, &known()).is_err());
}

#[test]
fn what_is_tried_first_is_refused() {
    for bad in [
        "passwordpassword",
        "Password12345678",
        "P@ssw0rdP@ssw0rd!",
        "p a s s w o r d p a s s w o r d",
        "Summer2026Winter2027",
        "Summer2026!!!Summer2026!!!",
        "password1password2",
        "iloveyouiloveyou2",
        "1qaz2wsx3edc4rfv",
        "qwertyuiopasdfghjkl",
        "poiuytrewqlkjhgfdsa",
        "123456789012345",
        "98765432109876543210",
        "111111111111111111",
        "abcabcabcabcabcabc",
        "xkqvxkqvxkqvxkqv",
        "thisismypassword",
        "correcthorsebatterystaple",
        "administrator2026",
        "welcome to the company 1",
        "Motdepasse-20261122",
        "               ",
        "!!!!!!!!!!!!!!!!!!!!",
    ] {
        assert!(blocked(bad, &known()), "{bad}");
    }
}

#[test]
fn names_that_everybody_knows_are_words_like_any_other() {
    for bad in [
        "counterfoil2026!",
        "Northwind-Traders-1",
        "northwindtraders2026",
        "ILEDEFRANCE-2026",
        "Île de France 2026",
        "martaortega1984",
        "Ortega Ortega Marta",
        "N0rthw1ndN0rthw1nd",
    ] {
        assert!(bad.chars().count() >= ALONE && blocked(bad, &known()), "{bad}");
    }
    let refusal = acceptable("northwindtraders2026", ALONE, &known()).unwrap_err().to_string();
    assert!(!refusal.to_lowercase().contains("northwind"), "{refusal}");
    assert!(!blocked("zephyrmills2026zephyr", &known()), "a name that is not known here");
    assert!(blocked("zephyrmills2026zephyr", &Known::of(["Zephyr Mills"])));
}

#[test]
fn the_list_has_far_more_than_ten_thousand_passwords_of_fifteen_characters_and_more() {
    let (none, years) = (Known::of([]), 1980..2030);
    let words: Vec<&str> = WORDS.split_ascii_whitespace().collect();
    let long = |text: &String| text.chars().count() >= ALONE;
    let two = words.iter().step_by(7).flat_map(|one| words.iter().step_by(5).map(move |other| format!("{one}{other}")));
    let pairs: Vec<String> = two.clone().filter(long).collect();
    let dated: Vec<String> = two.zip(years.cycle()).map(|(pair, year)| format!("{pair}{year}")).filter(long).collect();
    let spelled = pairs.iter().map(|pair| pair.replace('o', "0").replace('e', "3").replace('s', "$")).filter(long);
    let rows = KEYS.iter().flat_map(|one| KEYS.iter().map(move |other| format!("{one}{other}"))).filter(long);
    let small =
        SMALL.split_ascii_whitespace().flat_map(|small| words.iter().map(move |word| format!("{small}{word}1234567890"))).filter(long);
    let mut all: Vec<String> = pairs.iter().cloned().chain(dated).chain(spelled).chain(rows).chain(small).collect();
    all.sort_unstable();
    all.dedup();
    assert!(all.len() > 10_000, "{}", all.len());
    for (at, password) in all.iter().enumerate().step_by(3) {
        assert!(blocked(password, &none), "{at}: {password}");
    }
}

#[test]
fn what_leaked_elsewhere_is_refused_also_beside_a_second_factor() {
    // From lists of leaked passwords: none of them is made of words, years and rows of keys.
    for leaked in ["wrangler", "seminole", "pearljam", "kingkong", "SweetPea", "polniypizdec110211", "nemvxyheqdd5oqxyxyzi"] {
        assert!(listed(leaked), "{leaked}");
        let refused = acceptable(leaked, WITH_SECOND_FACTOR, &known()).unwrap_err().to_string();
        assert!(refused.contains("break-in") || refused.contains("first that"), "{leaked}: {refused}");
    }
    assert!(acceptable("nemvxyheqdd5oqxyxyzi", ALONE, &known()).unwrap_err().to_string().contains("break-in"), "alone as well");
    for good in ["gravelox", "tulip-ox", "nemvxyheqdd5oqxyxyzj", "vj4 mwq8"] {
        assert!(!listed(good), "{good}");
    }
}

#[test]
fn a_list_of_the_operator_is_read_as_it_comes() {
    let list = b"short\nbluebottle kites\r\nB\xe4r in Latin-1 is kept\nbluebottle kites\n\n   \nNo line's end behind this";
    let leaked = Leaked::read(&list[..]).unwrap();
    assert_eq!(leaked.len(), 3, "the one twice, the one of Latin-1, the last");
    for on in ["bluebottle kites", "Bluebottle KITES", "No line's end behind this"] {
        assert!(leaked.has(on), "{on}");
    }
    for off in ["short", "", "   ", "bluebottle kite", "no line's end behind this one"] {
        assert!(!leaked.has(off), "{off}");
    }
    assert!(Leaked::default().is_empty() && !Leaked::default().has("bluebottle kites"));
}

#[test]
fn no_password_takes_long_to_judge() {
    let begun = std::time::Instant::now();
    for hard in ["1234abcd".repeat(32), "pass4ss4ss4".repeat(23), "!1!1!1!2".repeat(32), "aqwsaqwz".repeat(32)] {
        blocked(&hard, &known());
        listed(&hard);
        listed(&hard[..24]);
    }
    assert!(begun.elapsed().as_secs() < 5, "{:?}", begun.elapsed());
}
