//! A first mapping from a file's own words.

use counterfoil::domain::import::field::normal;
use counterfoil::domain::import::{DateOrder, Field, NumberStyle, Profile, suggest};

fn profile(headers: &[&str], rows: &[&[&str]]) -> Profile {
    let headers: Vec<String> = headers.iter().map(|header| (*header).to_owned()).collect();
    let mut profile = Profile::new(&headers);
    rows.iter().for_each(|row| profile.add(*row));
    profile
}

#[test]
fn names_are_compared_as_words() {
    assert_eq!(normal("  Organisational_Unit "), "organisational unit");
    assert_eq!(normal("orderId"), "order id");
    assert_eq!(normal("E-Mail"), "email");
    assert_eq!(normal("GL-Account (code)"), "gl account code");
}

#[test]
fn columns_are_found_by_name_and_content() {
    let headers = ["Transcation Number", "Recipient E-mail", "Amount", "Currency", "Country", "Status", "Order Date", "Total", "Junk"];
    let rows: [&[&str]; 2] = [
        &["A1", "a@b.example", "1,50", "EUR", "Spain", "Completed", "24.06.2020", "n/a", "x"],
        &["A2", "c@d.example", "1.234,00", "EUR", "France", "Failed", "25.06.2020", "n/a", "y"],
    ];
    let profile = profile(&headers, &rows);
    let found = suggest(&profile);
    let column = |field: Field| found.mapping.columns.get(&field).map(String::as_str);
    assert_eq!(column(Field::ExternalId), Some("Transcation Number"));
    assert_eq!(column(Field::RecipientEmail), Some("Recipient E-mail"));
    assert_eq!(column(Field::AmountIssued), Some("Amount"));
    assert_eq!(column(Field::CurrencyCode), Some("Currency"));
    assert_eq!(column(Field::Region), Some("Country"));
    assert_eq!(column(Field::OrderStatus), Some("Status"));
    assert_eq!(column(Field::CreatedAt), Some("Order Date"));
    assert_eq!(column(Field::AmountCharged), None, "no numbers stand in it");
    assert_eq!((found.mapping.numbers, found.mapping.dates), (Some(NumberStyle::Comma), Some(DateOrder::DayFirst)));
    assert_eq!((profile.columns[2].fill_percent(), profile.columns[4].values().unwrap().len()), (100, 2));
}

#[test]
fn what_cannot_be_told_is_asked() {
    let found = suggest(&profile(&["Amount", "Payment Date"], &[&["1.234", "03/04/2020"], &["5.678", "05/06/2020"]]));
    assert!(found.ask_numbers && found.ask_dates);
    assert_eq!((found.mapping.numbers, found.mapping.dates), (None, None));
    // A column that can be told answers for one that cannot.
    let found = suggest(&profile(&["Amount", "Fee"], &[&["1.234", "0.50"]]));
    assert_eq!((found.ask_numbers, found.mapping.numbers), (false, Some(NumberStyle::Point)));
}

#[test]
fn every_field_is_its_own_name() {
    for field in Field::all() {
        assert_eq!(Field::parse(field.key()), Some(*field));
        assert!(!field.label().is_empty() && field.hint().ends_with('.'));
        for synonym in field.synonyms() {
            assert_eq!(normal(synonym), *synonym, "{field:?}");
        }
    }
}
