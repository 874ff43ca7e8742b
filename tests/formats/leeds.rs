//! A payment file as a council published it: through a suggested mapping, to the penny.

use std::collections::BTreeMap;
use std::fs::File;

use counterfoil::domain::currency::Currency;
use counterfoil::domain::id::RegionId;
use counterfoil::domain::import::draft::draft;
use counterfoil::domain::import::field::Field;
use counterfoil::domain::import::profile::{Profile, Values};
use counterfoil::domain::import::suggest;
use counterfoil::domain::time::Day;
use counterfoil::formats::{Encoding, Kind, Limits, Opened, Shape, open};
use uuid::Uuid;

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/leeds-payments-2020-06.csv");

fn table() -> Opened {
    open(File::open(PATH).unwrap(), "leeds-payments-2020-06.csv", &Limits::default()).unwrap()
}

/// The file's amounts in pence, with nothing of ours: cut by the csv crate, read by removing the point.
fn pence() -> Vec<i64> {
    let mut reader = csv::Reader::from_path(PATH).unwrap();
    // By bytes: one beneficiary's name is not UTF-8.
    let cell = |record: csv::ByteRecord| String::from_utf8(record[11].to_vec()).unwrap();
    let amounts = reader.byte_records().map(|record| cell(record.unwrap())).filter(|amount| !amount.is_empty());
    let pence = |amount: String| {
        let (whole, part) = amount.split_once('.').unwrap_or((&amount, ""));
        format!("{whole}{part:0<2}").parse::<i64>().unwrap()
    };
    amounts.map(pence).collect()
}

#[test]
fn every_row_but_the_last_to_the_penny() {
    let mut preview = table();
    assert!(matches!(preview.kind, Kind::Csv { encoding: Encoding::Windows1252, .. }), "line 5,170 is not UTF-8: {:?}", preview.kind);
    let mut profile = Profile::new(&preview.headers);
    for _ in 0..1000 {
        profile.add(&preview.rows.next_row().unwrap().unwrap());
    }
    let suggestion = suggest(&profile);
    assert!(!suggestion.ask_numbers && !suggestion.ask_dates, "{suggestion:?}");
    let mut mapping = suggestion.mapping;
    for (field, header) in [
        (Field::Region, "Organisational Unit"),
        (Field::ExternalId, "Transaction Number"),
        (Field::IssuedAt, "Payment Date"),
        (Field::EffectiveDate, "Effective Date"),
        (Field::AmountIssued, "Amount"),
        (Field::RecipientName, "Beneficiary Name"),
        (Field::Product, "Purpose"),
        (Field::GlAccount, "Detailed Expenditure Code"),
        (Field::Channel, "Procurement Card"),
    ] {
        assert_eq!(mapping.columns.get(&field).map(String::as_str), Some(header), "{field:?}");
    }
    mapping.fixed.currency = Currency::parse("GBP");
    mapping.time_zone = "Europe/London".to_owned();

    let unit = preview.headers.iter().position(|header| header == "Organisational Unit").unwrap();
    let (mut whole, mut values) = (table(), Values::new(200));
    while let Some(row) = whole.rows.next_row().unwrap() {
        values.add(row.get(unit));
    }
    let units = values.sorted();
    assert!(units.len() > 3 && units.len() < 20, "{units:?}");
    mapping.regions = units.into_iter().zip(1u128..).map(|((text, _), at)| (text, RegionId(Uuid::from_u128(at)))).collect();

    let prepared = mapping.prepare(&preview.headers).unwrap();
    let (mut table, mut amounts, mut blank, mut keys) = (table(), Vec::new(), Vec::new(), BTreeMap::new());
    let mut count = 0;
    while let Some(row) = table.rows.next_row().unwrap() {
        count += 1;
        if row.shape() == Shape::Blank {
            blank.push(row.line);
            continue;
        }
        assert_eq!(row.shape(), Shape::Fits);
        let draft = draft(&row, &prepared).unwrap_or_else(|faults| panic!("line {}: {faults:?}", row.line));
        assert_eq!(draft.effective_date, Day::parse("2020-06-30"));
        amounts.push(draft.amount_issued);
        *keys.entry(draft.row_key(0)).or_insert(0) += 1;
    }
    let mut expected = pence();
    assert_eq!(count, 16_177);
    assert_eq!(blank, [16_178], "the nearly empty last row, by its line");
    assert_eq!(amounts.iter().sum::<i64>(), expected.iter().sum::<i64>());
    assert!(amounts.iter().any(|amount| *amount < 0), "credit notes");
    amounts.sort_unstable();
    expected.sort_unstable();
    assert_eq!(amounts, expected);
    assert_eq!(keys.len(), 16_176, "one key for each line");
}
