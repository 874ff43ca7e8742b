//! Rows through a mapping.

use counterfoil::domain::currency::Currency;
use counterfoil::domain::id::{BudgetId, RegionId};
use counterfoil::domain::import::draft::draft;
use counterfoil::domain::import::{DateOrder, Draft, Field, Mapping, NumberStyle};
use counterfoil::domain::transaction::{Channel, DeliveryStatus, OrderStatus, RedemptionStatus};
use uuid::Uuid;

const HEADERS: [&str; 9] = ["Id", "Unit", "Amount", "Ccy", "Date", "Mail", "Status", "Delivery", "Budget"];

fn headers() -> Vec<String> {
    HEADERS.map(str::to_owned).to_vec()
}

fn mapping() -> Mapping {
    let fields = [
        Field::ExternalId,
        Field::Region,
        Field::AmountIssued,
        Field::CurrencyCode,
        Field::IssuedAt,
        Field::RecipientEmail,
        Field::OrderStatus,
        Field::DeliveryStatus,
        Field::Budget,
    ];
    let mut mapping = Mapping {
        columns: fields.into_iter().zip(headers()).collect(),
        numbers: Some(NumberStyle::Point),
        dates: Some(DateOrder::DayFirst),
        ..Mapping::default()
    };
    mapping.regions.insert("Adults and Health".to_owned(), RegionId(Uuid::from_u128(1)));
    mapping.budgets.insert("B1".to_owned(), BudgetId(Uuid::from_u128(2)));
    mapping.words.order_status.insert("Zugestellt".to_owned(), OrderStatus::Executed);
    mapping
}

fn codes(row: [&str; 9]) -> Vec<(&'static str, Field)> {
    let prepared = mapping().prepare(&headers()).unwrap();
    draft(row.as_slice(), &prepared)
        .map_or_else(|faults| faults.into_iter().map(|fault| (fault.code, fault.field)).collect(), |_| Vec::new())
}

#[test]
fn a_good_row() {
    let prepared = mapping().prepare(&headers()).unwrap();
    let row = ["T1", " adults  AND health ", "-12.50", "eur", "24/06/2020", "a@b.example", "zugestellt", "Bounced", "B1"];
    let made = draft(row.as_slice(), &prepared).unwrap();
    assert_eq!((made.region, made.budget), (RegionId(Uuid::from_u128(1)), Some(BudgetId(Uuid::from_u128(2)))));
    assert_eq!((made.amount_issued, made.currency), (-1250, Currency::parse("EUR").unwrap()));
    assert_eq!((made.order_status, made.delivery_status), (OrderStatus::Executed, DeliveryStatus::Failed));
    assert_eq!((made.redemption_status, made.channel), (RedemptionStatus::Issued, Channel::Import));
    assert_eq!(made.issued_at.unwrap().iso(), "2020-06-24T00:00:00Z");
    assert_eq!(made.row_key(0), "x:T1");
    let owned: Draft<'static> = made.clone().into_owned();
    assert_eq!(owned.content_hash(), made.content_hash());
}

#[test]
fn all_faults_of_a_row_are_named() {
    let row = ["\u{1e}", "Mars", "1e5", "EUR", "31/02/2020", "nobody", "odd", "odd", "B2"];
    assert_eq!(
        codes(row),
        [
            ("number_exponent", Field::AmountIssued),
            ("region_unknown", Field::Region),
            ("budget_unknown", Field::Budget),
            ("text_control", Field::ExternalId),
            ("email_invalid", Field::RecipientEmail),
            ("word_unknown", Field::OrderStatus),
            ("word_unknown", Field::DeliveryStatus),
            ("date_no_such_day", Field::IssuedAt),
        ]
    );
    let row = ["", "", "", "", "", "", "", "", ""];
    assert_eq!(
        codes(row),
        [("amount_missing", Field::AmountIssued), ("currency_missing", Field::CurrencyCode), ("region_missing", Field::Region),]
    );
    let long = "x".repeat(201);
    assert_eq!(
        codes([&long, "Adults and Health", "1", "XXX", "", "", "", "", ""]),
        [("currency_unknown", Field::CurrencyCode), ("text_too_long", Field::ExternalId),]
    );
    let prepared = mapping().prepare(&headers()).unwrap();
    let faults = draft(["", "Mars", "1", "EUR", "", "", "", "", ""].as_slice(), &prepared).unwrap_err();
    assert!(faults[0].message.contains("“Mars”"), "{faults:?}");
}

#[test]
fn keys_and_hashes() {
    let prepared = mapping().prepare(&headers()).unwrap();
    let unit = "Adults and Health";
    let one = ["", unit, "12.50", "EUR", "24/06/2020", "", "", "", ""];
    let same_otherwise = ["", unit, "12.5", "EUR", "2020-06-24", "", "executed", "", ""];
    let other = ["", unit, "12.51", "EUR", "24/06/2020", "", "", "", ""];
    let read = |row: &[&str; 9]| draft(row.as_slice(), &prepared).map(Draft::into_owned).unwrap();
    assert_eq!(read(&one).row_key(0), read(&one).row_key(0));
    assert_ne!(read(&one).row_key(0), read(&one).row_key(1));
    assert_ne!(read(&one).row_key(0), read(&other).row_key(0));
    assert_eq!(read(&one).content_hash(), read(&same_otherwise).content_hash());
    assert_ne!(read(&one).content_hash(), read(&other).content_hash());
    assert_eq!(read(&one).row_key(0).len(), 34);
}

#[test]
fn a_mapping_names_all_that_is_missing() {
    let faults = Mapping { time_zone: "Mars/Base".to_owned(), version: 9, ..Mapping::default() }.prepare(&headers()).unwrap_err();
    let codes: Vec<_> = faults.iter().map(|fault| fault.code).collect();
    assert_eq!(codes, ["mapping_version", "field_required", "field_required", "field_required", "time_zone_unknown"]);
    let mut open = mapping();
    (open.numbers, open.dates) = (None, None);
    open.regions.clear();
    open.columns.insert(Field::Note, "Remarks".to_owned());
    let codes: Vec<_> = open.prepare(&headers()).unwrap_err().iter().map(|fault| fault.code).collect();
    assert_eq!(codes, ["column_missing", "rules_required", "numbers_unanswered", "dates_unanswered"]);
}

#[test]
fn a_mapping_is_kept_as_text() {
    let text = serde_json::to_string(&mapping()).unwrap();
    assert!(text.contains("\"amount_issued\":\"Amount\"") && text.contains("\"reg_"), "{text}");
    assert_eq!(serde_json::from_str::<Mapping>(&text).unwrap(), mapping());
    assert!(serde_json::from_str::<Mapping>(r#"{"version":1,"surprise":true}"#).is_err());
    assert!(serde_json::from_str::<Mapping>(r#"{"version":1,"columns":{"no_such_field":"A"}}"#).is_err());
}
