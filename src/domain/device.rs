//! What a browser says it is, in the words that people know it by. It is a help to recognise one's own devices, and proves nothing.

/// The name that stands in what a browser sends, and the words for it; the first that fits, since most of them claim to be each other.
const BROWSERS: &[(&str, &str)] = &[
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("FxiOS/", "Firefox"),
    ("Firefox/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
    ("curl/", "curl"),
];

const SYSTEMS: &[(&str, &str)] = &[
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Macintosh", "macOS"),
    ("Linux", "Linux"),
];

/// "Firefox on Windows"; whatever cannot be told is left out.
pub fn words(agent: &str) -> String {
    let known = |all: &[(&str, &'static str)]| all.iter().find(|(sign, _)| agent.contains(sign)).map(|(_, words)| *words);
    match (known(BROWSERS), known(SYSTEMS)) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(one), None) => one.to_owned(),
        (None, Some(system)) => format!("A program on {system}"),
        (None, None) => "Unknown device".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn a_device_is_told_in_words_and_never_by_what_it_wrote() {
        let chrome = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36";
        assert_eq!(words(chrome), "Chrome on Windows");
        assert_eq!(words(&format!("{chrome} Edg/140.0.0.0")), "Edge on Windows");
        assert_eq!(words(&chrome.replace("Windows NT 10.0; Win64; x64", "X11; Linux x86_64")), "Chrome on Linux");
        assert_eq!(
            words("Mozilla/5.0 (Linux; Android 16; Pixel 9) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36"),
            "Chrome on Android"
        );
        assert_eq!(words("Mozilla/5.0 (Macintosh; Intel Mac OS X 15_6) AppleWebKit/605 Version/19.0 Safari/605.1.15"), "Safari on macOS");
        assert_eq!(
            words("Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605 FxiOS/143 Safari/605"),
            "Firefox on iPhone"
        );
        assert_eq!(words("Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0"), "Firefox on Linux");
        assert_eq!(words("<script>Windows"), "A program on Windows");
        assert_eq!((words("curl/8.5").as_str(), words("").as_str()), ("curl", "Unknown device"));
    }
}
