//! `import`: the same rules as in the portal, in the name of a person, with exit codes and words.

use std::path::Path;

use counterfoil::store::db::Sql;

use super::{Ended, run};
use crate::formats::xlsx::{book, text};
use crate::imports::{checked, meanings, small};
use crate::support::app::Company;
use crate::support::database::{TestDb, on_both_engines};

const HEADER: &str = "Region,Budget,Id,Amount,Name,Date,Note\n";
const GOOD: &str = "North,North one,G1,100.00,Ann,2026-05-01,first\n\
    North,North one,G2,-20.00,Ben,2026-05-02,credit\n\
    North,,G3,1.50,Cay,2026-05-03,\n";
const MIXED: &str = "North,North one,M1,7.00,Dan,2026-05-04,\n\
    North,North one,M2,7.001,Eve,2026-05-04,=cmd|' /C calc'!A0\n\
    Nowhere,North one,M3,7.00,Fay,2026-05-04,\n\
    North,North two,M4,8.00,Gus,2026-05-04,\n";

/// Person, file, flags; the exit code and the words.
type Mistake = (&'static str, &'static str, &'static [&'static str], i32, &'static [&'static str]);

/// What `import` is told besides the file and its own flags.
struct Desk {
    folder: tempfile::TempDir,
    url: String,
    company: Company,
}

impl Desk {
    /// A company whose vendor has a mapping called “Test”, made as the portal makes it.
    async fn set_up(db: TestDb) -> Self {
        let (folder, url) = (tempfile::tempdir().unwrap(), db.url.clone());
        let company = Company::found(db).await;
        let sample = format!("{HEADER}{GOOD}{MIXED}");
        checked(&company, "Nora North", sample.as_bytes(), small(), Some(meanings(&company))).await;
        for (name, rows) in [("good.csv", GOOD), ("mixed.csv", MIXED)] {
            std::fs::write(folder.path().join(name), format!("{HEADER}{rows}")).unwrap();
        }
        Self { folder, url, company }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn import(&self, file: &str, more: &[&str]) -> Ended {
        self.by("nora.north@test.example", file, more)
    }

    fn by(&self, person: &str, file: &str, more: &[&str]) -> Ended {
        let known = ["import", file, "--mapping", "test", "--source", "VENDOR", "--as", person, "--database", &self.url];
        let ended = run(self.path(), &[known.as_slice(), more].concat());
        assert!(!ended.err.contains("panicked") && !ended.err.contains("src/"), "{ended:?}");
        ended
    }

    async fn number(&self, sql: &'static str) -> i64 {
        let mut read = self.company.store.read().await.unwrap();
        read.value(Sql::new(sql)).await.unwrap()
    }

    async fn transactions(&self) -> i64 {
        self.number("SELECT CAST(count(*) AS BIGINT) FROM reward_transaction").await
    }

    async fn spent(&self) -> i64 {
        self.number("SELECT CAST(sum(spent) AS BIGINT) FROM budget").await
    }

    fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.path().join(file)).unwrap()
    }
}

/// The rows of `GOOD` as a workbook.
fn workbook() -> Vec<u8> {
    let rows = HEADER.lines().chain(GOOD.lines()).enumerate().map(|(at, line)| {
        let line = line.replace(",G", ",X");
        let cells = line.split(',').zip('A'..).map(|(cell, column)| text(&format!("{column}{}", at + 1), cell)).collect::<String>();
        format!("<row r=\"{}\">{cells}</row>", at + 1)
    });
    book(&rows.collect::<String>(), &[])
}

on_both_engines! {
    async fn a_good_file_is_taken_once(db: TestDb) {
        let desk = Desk::set_up(db).await;
        let before = desk.company.facts().await;
        let tried = desk.import("good.csv", &["--dry-run"]);
        assert_eq!(tried.code, 0, "{tried:?}");
        assert!(tried.out.starts_with("dry run, nothing is written\n3 rows read: 3 created, 0 changed, 0 unchanged, 0 refused\n"), "{tried:?}");
        assert_eq!(desk.company.facts().await, before, "a dry run writes nothing anywhere");

        let taken = desk.import("good.csv", &[]);
        assert_eq!(taken.code, 0, "{taken:?}");
        assert!(taken.out.starts_with("import imp_"), "{taken:?}");
        for words in ["3 rows read: 3 created, 0 changed, 0 unchanged, 0 refused", "created EUR 81.50 in 3 rows"] {
            assert!(taken.out.contains(words), "{words}: {taken:?}");
        }
        assert!(taken.err.contains("bytes written"), "how far it is: {taken:?}");
        assert_eq!((desk.transactions().await, desk.spent().await), (3, 8_000));
        let event = desk.number("SELECT CAST(count(*) AS BIGINT) FROM audit_event WHERE action = 'import.committed'");
        assert_eq!(event.await, 2, "one for the whole and one for its region");

        for flags in [&[][..], &["--good-rows"]] {
            let again = desk.import("good.csv", flags);
            assert_eq!(again.code, 0, "{again:?}");
            assert!(again.out.contains("3 rows read: 0 created, 0 changed, 3 unchanged, 0 refused"), "{again:?}");
            assert_eq!((desk.transactions().await, desk.spent().await), (3, 8_000));
        }
        std::fs::write(desk.path().join("good.csv"), format!("{HEADER}{}", GOOD.replace("100.00", "130.00"))).unwrap();
        let changed = desk.import("good.csv", &[]);
        assert!(changed.out.contains("0 created, 1 changed, 2 unchanged"), "{changed:?}");
        assert_eq!((desk.transactions().await, desk.spent().await), (3, 11_000));

        std::fs::write(desk.path().join("good.xlsx"), workbook()).unwrap();
        let sheet = desk.import("good.xlsx", &[]);
        assert!(sheet.code == 0 && sheet.out.contains("created EUR 81.50 in 3 rows"), "{sheet:?}");
        assert_eq!((desk.transactions().await, desk.spent().await), (6, 19_000));
        desk.company.check_audit().await;
    }

    async fn bad_rows_stop_the_file_or_are_left_out_and_handed_back(db: TestDb) {
        let desk = Desk::set_up(db).await;
        let before = desk.company.facts().await;
        let stopped = desk.import("mixed.csv", &["--refused", "one.csv"]);
        assert_eq!(stopped.code, 4, "{stopped:?}");
        for words in ["nothing is taken", "2 rows are refused", "--good-rows"] {
            assert!(format!("{}{}", stopped.out, stopped.err).contains(words), "{words}: {stopped:?}");
        }
        for words in ["refused 1 as number_too_many_digits, first in line 3: ", "refused 1 as region_out_of_scope, first in line 4: "] {
            assert!(stopped.out.contains(words), "{words}: {stopped:?}");
        }
        assert_eq!(desk.company.facts().await, before, "one refused row stops them all");
        let looked = desk.import("mixed.csv", &["--dry-run", "--good-rows", "--refused", "two.csv"]);
        assert!(looked.code == 0 && looked.out.contains("4 rows read: 2 created, 0 changed, 0 unchanged, 2 refused"), "{looked:?}");
        assert_eq!(desk.company.facts().await, before);

        let taken = desk.import("mixed.csv", &["--good-rows", "--refused", "three.csv"]);
        assert_eq!(taken.code, 0, "{taken:?}");
        assert!(taken.out.contains("created EUR 15.00 in 2 rows") && taken.out.contains("2 refused"), "{taken:?}");
        assert_eq!((desk.transactions().await, desk.spent().await), (2, 1_500));

        let refused = desk.read("one.csv");
        assert!(refused.contains("Region,Budget,Id,Amount,Name,Date,Note,line,error_code,error_field,error_message"), "{refused}");
        assert!(refused.contains("North,North one,M2,7.001,Eve,2026-05-04,'=cmd|' /C calc'!A0,3,number_too_many_digits,"), "{refused}");
        assert!(refused.contains("Nowhere,North one,M3,7.00,Fay,2026-05-04,,4,region_out_of_scope,region,"), "{refused}");
        assert_eq!(refused.lines().count(), 3);
        assert_eq!((refused.clone(), refused.clone()), (desk.read("two.csv"), desk.read("three.csv")), "the same whichever way");

        let kept = desk.company.facts().await;
        let twice = desk.import("mixed.csv", &["--good-rows", "--refused", "one.csv"]);
        assert!(twice.code == 4 && twice.err.contains("one.csv is there already: nothing is overwritten"), "{twice:?}");
        assert_eq!((desk.company.facts().await, desk.read("one.csv")), (kept, refused), "and nothing is loaded then");
        desk.company.check_audit().await;
    }

    async fn a_mistake_is_said_in_words_and_leaves_nothing(db: TestDb) {
        let desk = Desk::set_up(db).await;
        std::fs::create_dir(desk.path().join("folder.csv")).unwrap();
        std::fs::write(desk.path().join("page.xlsx"), "<html><table></table></html>").unwrap();
        std::fs::write(desk.path().join("picture.png"), "a,b\n1,2\n").unwrap();
        std::fs::write(desk.path().join("open.csv"), format!("{HEADER}North,\"North one")).unwrap();
        std::fs::write(desk.path().join("other.csv"), "Region;Betrag\nNorth;1,00\n").unwrap();
        std::fs::write(desk.path().join("small.toml"), "upload_max_bytes = 1024\n").unwrap();
        std::fs::write(desk.path().join("large.csv"), format!("{HEADER}{}", GOOD.repeat(20))).unwrap();
        let nora = "nora.north@test.example";
        let cases: &[Mistake] = &[
            (nora, "good.csv", &["--mapping", "Nope"], 2, &["--mapping"]),
            (nora, "good.csv", &["--colour"], 2, &["--colour"]),
            (nora, "none.csv", &[], 1, &["none.csv cannot be read", "No such file"]),
            (nora, "folder.csv", &[], 1, &["folder.csv cannot be read"]),
            (nora, "page.xlsx", &[], 4, &["does not fit the content: this is a web page"]),
            (nora, "picture.png", &[], 4, &["“.png” cannot be read"]),
            (nora, "open.csv", &[], 4, &["Line 2", "never closed"]),
            (nora, "other.csv", &[], 4, &["the file has no column “Id”", "the file has no column “Amount”"]),
            (nora, "large.csv", &["--config", "small.toml"], 4, &["larger than"]),
            ("nobody@test.example", "good.csv", &[], 4, &["nobody@test.example is nobody who can sign in", "user list"]),
            ("nils.north@test.example", "good.csv", &[], 4, &["Your roles do not allow this"]),
            ("sara.south@test.example", "good.csv", &[], 4, &["Say for at least one value of the region's column"]),
        ];
        let before = desk.company.facts().await;
        for (person, file, more, code, words) in cases {
            // The file of refused rows is made where rows were refused, and nowhere else.
            let _ = std::fs::remove_file(desk.path().join("r.csv"));
            let ended = desk.by(person, file, &[*more, ["--refused", "r.csv"].as_slice()].concat());
            assert_eq!(ended.code, *code, "{file} {more:?}: {ended:?}");
            for words in *words {
                assert!(ended.err.contains(words), "{file}: {words}: {ended:?}");
            }
            let left = desk.path().join("r.csv").exists();
            assert_eq!(left, ended.err.contains("rows are refused"), "{file} {more:?}");
            assert_eq!(desk.company.facts().await, before, "{file} {more:?}");
        }
        for (mapping, source, words) in [
            ("Nope", "Vendor", "The source “Vendor” has no mapping “Nope”\nhint: mappings are made and named in the portal"),
            ("Test", "Nobody", "There is no source “Nobody”; it is made with the first upload"),
        ] {
            let args = ["import", "good.csv", "--mapping", mapping, "--source", source, "--as", nora, "--database", &desk.url];
            let ended = run(desk.path(), &args);
            assert!(ended.code == 4 && ended.err.contains(words), "{ended:?}");
        }
        assert_eq!(desk.company.facts().await, before);
    }
}

#[test]
fn without_a_database_nothing_is_made() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("good.csv"), format!("{HEADER}{GOOD}")).unwrap();
    for (url, words) in [("sqlite:none.db", "there is no database at sqlite:none.db"), ("postgres://nobody@127.0.0.1:1/none", "PostgreSQL")]
    {
        let args =
            ["import", "good.csv", "--mapping", "m", "--source", "s", "--as", "a@b.example", "--refused", "r.csv", "--database", url];
        let ended = run(folder.path(), &args);
        assert!(ended.code == 69 && ended.err.contains(words) && !ended.err.contains("panicked"), "{ended:?}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no database and no file of refused rows");
    }
}
