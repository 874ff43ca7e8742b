//! Files and rows that are refused, each by its code.

use counterfoil::actions::imports::Stop;

use super::{checked, meanings, number, small, uploaded};
use crate::support::app::Company;
use crate::support::database::{TestDb, on_both_engines};

fn code(stop: &Stop) -> &'static str {
    match stop {
        Stop::File(fault) => fault.code(),
        other => panic!("not a fault of the file: {other:?}"),
    }
}

on_both_engines! {
    async fn nothing_of_a_refused_file_survives(db: TestDb) {
        let company = Company::found(db).await;
        let wide = format!("{}\n1\n", vec!["a"; 1000].join(","));
        let long = format!("a,b\n1,{}\n", "x".repeat(100_000));
        let files: [(&str, &[u8], &str); 9] = [
            ("a.csv", b"", "file_empty"),
            ("a.csv", b"a,b\n1,\"open\n", "file_unclosed_quote"),
            ("a.csv", b"a,b\n1,\0\n", "file_nul_byte"),
            ("a.csv", wide.as_bytes(), "file_too_many_columns"),
            ("a.csv", long.as_bytes(), "file_field_too_long"),
            ("a.csv", b"\x1f\x8b\x08\x00\x00\x00\x00\x00", "file_wrong_content"),
            ("a.xlsx", b"<html><table></table></html>", "file_wrong_content"),
            ("a.pdf", b"%PDF-1.7", "file_wrong_content"),
            ("../../etc/passwd.exe", b"a,b\n1,2\n", "file_unknown_kind"),
        ];
        for (name, bytes, expected) in files {
            let stop = uploaded(&company, "Nora North", name, bytes).await.unwrap_err();
            assert_eq!(code(&stop), expected, "{name}: {stop:?}");
        }
        for table in ["SELECT CAST(count(*) AS BIGINT) FROM import_run", "SELECT CAST(count(*) AS BIGINT) FROM import_piece"] {
            assert_eq!(number(&company, table).await, 0);
        }
    }

    async fn each_fault_of_a_row_has_its_code(db: TestDb) {
        let company = Company::found(db).await;
        let rows = "Region,Budget,Id,Amount,Name,Date,Note\n\
            North,North one,C1,1.00,Ann,2026-05-01,\n\
            North,North one,C1,1.00,Ann,2026-05-01,\n\
            North,North one,C2,1.001,Ann,2026-05-01,\n\
            North,North one,C3,9223372036854775808,Ann,2026-05-01,\n\
            North,North one,C4,1e5,Ann,2026-05-01,\n\
            North,North yen,C5,1.00,Ann,2026-05-01,\n\
            North,Unknown,C6,1.00,Ann,2026-05-01,\n\
            North,North one,C7,,Ann,2026-05-01,\n\
            North,North one,C8,1.00,Ann,2026-13-01,\n\
            North,North one,C9,1.00\n\
            ,,,,,,\n\
            Global,North one,C10,1.00,Ann,2026-05-01,\n";
        let mut all = meanings(&company);
        all.regions.insert("Global".to_owned(), Some(company.regions["Global"]));
        let (_, report) = checked(&company, "Finn Finance", rows.as_bytes(), small(), Some(all)).await;
        let codes: Vec<(&str, i64)> = report.refused.iter().map(|(code, kind)| (code.as_str(), kind.first[0].0)).collect();
        let expected = [
            ("amount_missing", 9),
            ("blank", 12),
            ("budget_currency", 7),
            ("budget_other_region", 13),
            ("budget_unknown", 8),
            ("date_no_such_day", 10),
            ("duplicate_in_file", 3),
            ("number_exponent", 6),
            ("number_too_large", 5),
            ("number_too_many_digits", 4),
            ("ragged", 11),
        ];
        assert_eq!(codes, expected);
        assert_eq!((report.counts.created, report.counts.refused, report.counts.read), (1, 11, 12));
    }
}
