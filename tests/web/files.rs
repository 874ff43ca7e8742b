//! Hostile, broken and odd files as a person meets them: at the upload, in words, with a fitting status, and nothing of them is kept.

use std::io::{Cursor, Write};

use counterfoil::actions::imports::Limits;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::imports::{fields, upload, work};
use crate::formats::xlsx::{book, header, text, zip};
use crate::support::app::{Client, TestApp};
use crate::support::database::{TestDb, on_both_engines};

const SHEET: &str = "xl/worksheets/sheet1.xml";
const STRINGS: &str = "xl/sharedStrings.xml";

/// A file's name, its bytes, and the status and words that it is answered with.
type Case = (&'static str, Vec<u8>, u16, &'static str);

fn limits() -> Limits {
    Limits { max_bytes: 4 << 20, max_rows: 1000, ..Limits::default() }
}

/// Sends each, and proves that it is refused and leaves nothing.
async fn refused(db: TestDb, cases: Vec<Case>) {
    let app = TestApp::limited(db, limits()).await;
    let nora = app.signed_in("Nora North").await;
    let before = app.company.facts().await;
    for (name, bytes, status, words) in cases {
        let form = fields(&nora).await;
        let sent = upload(&nora, &form, name, bytes).await;
        assert_eq!(sent.status, status, "{name}, {words}: {}", sent.body);
        assert!(sent.body.contains(words), "{name}, {words}: {}", sent.body);
        assert!(sent.body.contains("<title>Error: ") && sent.body.contains("id=\"file-error\""), "{name}: {}", sent.body);
        assert!(sent.body.contains("<option value=\"Vendor\" selected>"), "what she chose stays: {}", sent.body);
        assert_eq!(app.company.facts().await, before, "{name}, {words}");
    }
    assert!(nora.get("/imports").await.body.contains("No imports yet"));
    app.finish().await;
}

fn texts() -> Vec<Case> {
    let csv = |bytes: &[u8], words| ("a.csv", bytes.to_vec(), 422, words);
    let long = |size: usize| [b"a,b\n1,".as_slice(), &vec![b'x'; size], b"\n"].concat();
    vec![
        csv(b"", "The file is empty"),
        csv(b"\n\r\n\n", "The file has no header line"),
        csv(b"a,b\n1,\"open\n", "Line 2: a quotation mark is opened and never closed"),
        csv(b"a,b\n1,\0\n", "Line 2: the file holds NUL bytes"),
        csv(b"a\0,\0b\0\n\0", "Line 1: the file holds NUL bytes"),
        csv(b"\xef\xbb\xbfa,b\n\xff,1\n", "the text is UTF-8 up to here, but not on this line"),
        csv(b"\xff\xfea\x00,\x00b\x00\n\x00\x00\xd8", "the text is UTF-16 up to here"),
        csv("a,".repeat(1_000_000).as_bytes(), "Line 1: more than 256 columns"),
        csv(&long(70_000), "Line 2: one field is longer than 65536 bytes"),
        csv(&vec![b'x'; 3 << 20], "Line 1: one field is longer than 65536 bytes"),
        csv(format!("a{}\n{}\n", ",b".repeat(199), vec!["y".repeat(60_000); 60].join(",")).as_bytes(), "Line 2: the row is longer than"),
        csv(format!("a\n{}", "1\n".repeat(1001)).as_bytes(), "Line 1002: the file has more than 1000 rows"),
        ("a.csv", vec![b'a'; (4 << 20) + 1], 413, "The file is larger than 4,194 kB"),
        csv(b"\x1f\x8b\x08\x00rest", "this is a gzip archive. Unpack it first"),
        csv(b"PK\x03\x04rest", "this is a ZIP archive or an Excel workbook"),
        csv(b"%PDF-1.7 \x00", "this is a PDF document"),
        csv(b" <!DOCTYPE html><script>", "this is a web page or XML document"),
        ("a.xlsx", b"<html><table></table></html>".to_vec(), 422, "this is a web page or XML document"),
        ("a.xlsx", b"a,b\n1,2\n".to_vec(), 422, "this is plain text. Give it the ending .csv"),
        ("a.xls", vec![0xd0, 0xcf, 0x11, 0xe0, 0xa1], 422, "this is an old Excel workbook"),
        ("../../etc/passwd.exe", b"a,b\n1,2\n".to_vec(), 422, "Files of the kind “.exe” cannot be read"),
    ]
}

/// Sixteen megabytes and some, a number that stands nowhere else in an archive.
const BOMB: u32 = 0x0102_0304;

/// One part of many megabytes of one letter, and an archive that states its size as ten bytes.
fn bomb(lies: bool) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file("xl/worksheets/sheet1.bin", SimpleFileOptions::default()).unwrap();
    zip.write_all(&vec![b'x'; BOMB as usize]).unwrap();
    let mut bytes = zip.finish().unwrap().into_inner();
    let stated = BOMB.to_le_bytes();
    let places: Vec<usize> = (0..bytes.len() - 4).filter(|at| bytes[*at..*at + 4] == stated).collect();
    assert!(!places.is_empty(), "the size stands in the archive");
    for at in places.into_iter().filter(|_| lies) {
        bytes[at..at + 4].copy_from_slice(&10u32.to_le_bytes());
    }
    bytes
}

fn sheet(data: &str) -> String {
    format!("<worksheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\">{data}</worksheet>")
}

fn workbooks() -> Vec<Case> {
    let xlsx = |bytes: Vec<u8>, status, words| ("pay.xlsx", bytes, status, words);
    let rows = |data: &str| book(data, &[]);
    let with = |name: &str, content: &str| book(&header(), &[(name, content)]);
    let names: Vec<String> = (0..201).map(|at| format!("xl/{at}.bin")).collect();
    let many: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "")).collect();
    let laughs = "<!DOCTYPE x [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\"><!ENTITY c \"&b;&b;&b;&b;&b;&b;&b;&b;\">]>\
        <sst><si><t>&c;</t></si></sst>";
    let outside = "<!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><sst><si><t>&e;</t></si></sst>";
    let undefined = sheet("<sheetData><row r=\"1\"><c r=\"A1\" t=\"inlineStr\"><is><t>&c;</t></is></c></row></sheetData>");
    let link = "<Relationships><Relationship Id=\"r\" Target=\"x\" \
        Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/externalLink\"/></Relationships>";
    let cell = |content: &str| rows(&format!("{}<row r=\"2\"><c r=\"A2\">{content}</c></row>", header()));
    let mut cut = rows(&header());
    cut.truncate(cut.len() / 2);
    let sparse = format!("<row r=\"1\">{}</row><row r=\"1048576\">{}</row>", text("A1", "x"), text("CV1048576", "y"));
    let mut cases = vec![
        xlsx(bomb(false), 413, "too large once unpacked: one part is more than 100 times its packed size"),
        xlsx(bomb(true), 422, "The workbook cannot be read (File is larger than its declared uncompressed size)"),
        xlsx(with("xl/filler.xml", &format!("<a>{}</a>", "<b/>".repeat(1 << 20))), 413, "too large once unpacked"),
        xlsx(book(&header(), &many), 413, "it has more than 200 parts"),
        xlsx(with(STRINGS, "<sst uniqueCount=\"99999999999\"><si><t>a</t></si></sst>"), 413, "it states more than 300000 different texts"),
        xlsx(rows(&format!("<row r=\"1\">{}</row>", text("A1", &"x".repeat(500_000)))), 413, "one text is longer than 65536 bytes"),
        xlsx(with(STRINGS, laughs), 422, "The workbook holds a document type declaration"),
        xlsx(with(STRINGS, outside), 422, "The workbook holds a document type declaration"),
        xlsx(with(SHEET, &undefined), 422, "The workbook cannot be read"),
        xlsx(with("xl/_rels/more.xml.rels", link), 422, "links to other workbooks"),
        xlsx(with("xl/vbaProject.bin", "x"), 422, "The workbook holds macros"),
        ("pay.xlsm", rows(&header()), 422, "The workbook holds macros"),
        xlsx(rows(&sparse), 422, "Line 1048576: the file has more than 1000 rows"),
        xlsx(rows(&format!("<row r=\"1\">{}{}</row>", text("A1", "x"), text("XFD1", "y"))), 422, "Line 1: more than 256 columns"),
        xlsx(rows(&format!("<row r=\"5\">{}</row><row r=\"2\">{}</row>", text("A5", "x"), text("A2", "y"))), 422, "rows are out of order"),
        xlsx(rows("<row r=\"1\"><c r=\"A99999999999\"><v>1</v></c></row>"), 422, "The workbook cannot be read"),
        xlsx(cell("<f>1+1</f><v>2</v>"), 422, "Cell A2 holds a formula"),
        xlsx(cell("<f t=\"shared\" ref=\"A2:A1048576\" si=\"99999999999\">1</f><v>2</v>"), 422, "Cell A2 holds a formula"),
        xlsx(cell("<v>12345678901234567890</v>"), 422, "Cell A2 holds a number with more digits than a spreadsheet keeps"),
        xlsx(cut, 422, "The workbook cannot be read"),
        xlsx(zip(&[("a.txt", "no workbook")]), 422, "The workbook cannot be read"),
        xlsx(rows(""), 422, "The workbook has no visible sheet with data"),
    ];
    for name in ["../../evil.xml", "/abs.xml", "xl\\..\\evil.xml"] {
        cases.push(xlsx(with(name, "<a/>"), 422, "a part whose name leads out of the workbook"));
    }
    cases
}

/// Uploads, maps as the suggestion has it, with `North` for the whole file, and checks; the import's address.
async fn checked(app: &TestApp, client: &Client, name: &str, bytes: Vec<u8>, columns: &[&str]) -> String {
    let sent = upload(client, &fields(client).await, name, bytes).await;
    assert_eq!(sent.status, 303, "{}", sent.body);
    let import = sent.location().trim_end_matches("/columns").to_owned();
    let page = client.get(sent.location()).await;
    let (csrf, version) = (page.csrf(), page.field("version"));
    let names: Vec<String> = (0..columns.len()).map(|at| format!("column-{at}")).collect();
    let mut form = vec![("csrf", csrf.as_str()), ("version", version.as_str()), ("currency", "EUR"), ("zone", "UTC"), ("name", "")];
    form.extend([("numbers", "point"), ("dates", "day_first")]);
    form.extend(names.iter().map(String::as_str).zip(columns.iter().copied()));
    let kept = client.post(sent.location(), &form).await;
    assert_eq!(kept.status, 303, "{}", kept.body);
    let page = client.get(kept.location()).await;
    let (csrf, version, north) = (page.csrf(), page.field("version"), app.company.regions["North"].to_string());
    let fixed = [("csrf", csrf), ("version", version), ("region", north.clone()), ("budget", String::new())];
    let mut form: Vec<(String, String)> = fixed.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    // Of a region column only the value that is a name of hers has a meaning.
    for at in 0..20 {
        let Some((_, line)) = page.body.split_once(&format!("name=\"region-{at}\"")) else { break };
        let here = line.split_once("</select>").unwrap().0;
        form.push((
            format!("region-{at}"),
            if here.contains(&format!("value=\"{north}\" selected")) { north.clone() } else { String::new() },
        ));
    }
    let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let kept = client.post(&format!("{import}/values"), &form).await;
    assert_eq!(kept.status, 303, "{}", kept.body);
    work(app).await;
    import
}

async fn commit(app: &TestApp, client: &Client, import: &str, mode: &str) -> u16 {
    let page = client.get(&format!("{import}/check")).await;
    assert_eq!(page.status, 200, "{}", page.body);
    let (csrf, version, key) = (page.csrf(), page.field("version"), page.field("key"));
    let form = [("csrf", csrf.as_str()), ("version", &version), ("key", &key), ("mode", mode)];
    let status = client.post(&format!("{import}/commit"), &form).await.status;
    work(app).await;
    status
}

on_both_engines! {
    async fn a_text_file_that_is_no_table(db: TestDb) {
        refused(db, texts()).await;
    }

    async fn a_workbook_that_is_none_or_too_much(db: TestDb) {
        refused(db, workbooks()).await;
    }

    async fn what_a_workbook_states_of_its_size_is_not_believed(db: TestDb) {
        let app = TestApp::limited(db, limits()).await;
        let nora = app.signed_in("Nora North").await;
        let row = format!("<row r=\"2\">{}{}</row>", text("A2", "12.50"), text("B2", "2026-05-01"));
        let absurd = sheet(&format!("<dimension ref=\"A1:XFD1048576\"/><sheetData>{}{row}</sheetData>", header()));
        let import = checked(&app, &nora, "pay.xlsx", book("", &[(SHEET, &absurd)]), &["amount_issued", "issued_at"]).await;
        assert_eq!(commit(&app, &nora, &import, "all_or_nothing").await, 303);
        let page = nora.get(&import).await;
        assert!(page.body.contains("Imported") && page.body.contains("1 row"), "{}", page.body);
        assert!(nora.get("/transactions").await.body.contains("12.50"));
        app.finish().await;
    }

    /// A spreadsheet program writes control characters as `_x0000_`, and a hostile one as a reference.
    async fn a_cell_with_a_nul_is_refused_or_kept_as_text(db: TestDb) {
        let app = TestApp::limited(db, limits()).await;
        let nora = app.signed_in("Nora North").await;
        let before = app.company.facts().await;
        let reference = book(&format!("{}<row r=\"2\">{}</row>", header(), text("A2", "a&#0;b")), &[]);
        let sent = upload(&nora, &fields(&nora).await, "nul.xlsx", reference).await;
        assert_eq!(sent.status, 422, "{}", sent.body);
        assert_eq!(app.company.facts().await, before);
        let cells = format!("{}{}{}", text("A2", "1.00"), text("B2", "2026-05-01"), text("C2", "a_x0000_b"));
        let head = header().replace("</row>", &format!("{}</row>", text("C1", "Name")));
        let written = book(&format!("{head}<row r=\"2\">{cells}</row>"), &[]);
        let sent = upload(&nora, &fields(&nora).await, "nul.xlsx", written.clone()).await;
        if sent.status == 303 {
            let import = checked(&app, &nora, "nul.xlsx", written, &["amount_issued", "issued_at", "recipient_name"]).await;
            assert_eq!(commit(&app, &nora, &import, "all_or_nothing").await, 303);
            assert!(nora.get("/transactions").await.body.contains("a_x0000_b"));
        } else {
            assert!(sent.status == 422 && sent.body.contains("Line 2: the file holds NUL bytes"), "{}", sent.body);
        }
        app.finish().await;
    }

    async fn odd_cells_are_refused_by_row_or_kept_as_they_are_and_never_run(db: TestDb) {
        let app = TestApp::limited(db, limits()).await;
        let nora = app.signed_in("Nora North").await;
        let rows = "Region,Id,Amount,Name,Date\n\
            North,Z1,-0,=HYPERLINK(\"x\"),2026-05-01\n\
            North,Z2,1e5,Ann,2026-05-01\n\
            North,Z3,9223372036854775808,Ann,2026-05-01\n\
            North,Z4,\u{ff11}\u{ff12},Ann,2026-05-01\n\
            North,Z5,\u{200f}12.00,Ann,2026-05-01\n\
            North,Z6,12.00,\u{202e}<script>alert(1)</script>,2026-05-01\n\
            South,Z7,12.00,Ann,2026-05-01\n\
            North,Z8,12.00,=1+1,2026-02-30\n\
            North,Z9,12.00\n\
            ,,,,\n\
            North,Z1,7.00,Ann,2026-05-01\n\
            North,Z10,\"1,234.56\",+44 20,2026-05-01\n\x1a";
        let before = app.company.facts().await.head;
        let columns = ["region", "external_id", "amount_issued", "recipient_name", "issued_at"];
        let import = checked(&app, &nora, "../../\u{202e}odd.csv", rows.into(), &columns).await;
        let page = nora.get(&format!("{import}/check")).await;
        for code in [
            "number_exponent", "number_too_large", "number_foreign_digits", "region_out_of_scope", "date_no_such_day", "ragged", "blank",
            "duplicate_in_file",
        ] {
            assert!(page.body.contains(code), "{code}: {}", page.body);
        }
        assert!(page.body.contains("odd.csv") && !page.body.contains("\u{202e}odd"), "a name without tricks");
        assert_eq!(commit(&app, &nora, &import, "all_or_nothing").await, 422, "a row hidden in the middle stops them all");
        let number = app.company.facts().await;
        let of = |table: &str| number.tables.iter().find(|(name, _)| name == table).unwrap().1;
        assert_eq!((of("reward_transaction"), of("recipient"), of("posting")), (0, 0, 4), "nothing is taken");
        assert!(number.head.0 > before.0, "what was asked for stands in the trail");
        assert_eq!(commit(&app, &nora, &import, "good_rows").await, 303);
        let list = nora.get("/transactions").await;
        assert!(list.body.contains("1,246.56"), "−0, 12 and 1,234.56 add up: {}", list.body);
        assert!(list.body.contains("&#60;script&#62;alert(1)") && !list.body.contains("<script>alert"), "{}", list.body);
        let refused = nora.get(&format!("{import}/refused.csv")).await;
        assert!(refused.headers["content-disposition"].to_str().unwrap().contains("odd_refused.csv"));
        assert!(refused.body.contains(",'=1+1,") && !refused.body.contains(",="), "{}", refused.body);
        app.finish().await;
    }

    async fn a_nul_in_an_address_or_a_form_is_malformed_and_no_fault_of_ours(db: TestDb) {
        let app = TestApp::start(db).await;
        let nora = app.signed_in("Nora North").await;
        let budget = app.company.budgets["North one"];
        let before = app.company.facts().await;
        for path in [
            "/search?q=a%00b".to_owned(), "/transactions?q=%00".to_owned(), "/transactions?external_id=a%00".to_owned(),
            "/budgets?q=%00".to_owned(), "/transactions/%00".to_owned(), "/exports/new?order=%00".to_owned(),
            format!("/budgets/{budget}/transfers/check?key=0123456789abcdef0&amount=1&note=%00"),
        ] {
            let answer = nora.get(&path).await;
            assert_eq!(answer.status, 400, "{path}: {}", answer.body);
            assert!(answer.body.contains("NUL character") && answer.headers.contains_key("content-security-policy"), "{path}: {}", answer.body);
        }
        let csrf = nora.get("/imports/new").await.csrf();
        let forms: [(&str, &[(&str, &str)]); 2] = [
            ("/exports", &[("key", "a\0b"), ("query", ""), ("columns", "view"), ("format", "excel")]),
            ("/settings/preferences", &[("theme", "da\0rk"), ("density", "comfortable")]),
        ];
        for (path, form) in forms {
            let form = [[("csrf", csrf.as_str())].as_slice(), form].concat();
            assert_eq!(nora.post(path, &form).await.status, 400, "{path}");
        }
        let mut form = fields(&nora).await;
        form[2].1 = "Ven\0dor".to_owned();
        assert_eq!(upload(&nora, &form, "a.csv", b"a,b\n1,2\n".to_vec()).await.status, 400);
        let stranger = app.anonymous();
        let page = stranger.get("/sign-in").await;
        let form = [("csrf", page.csrf()), ("email", "a\0@b.example".to_owned()), ("password", "x".to_owned())];
        let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert_eq!(stranger.post("/sign-in", &form).await.status, 400);
        assert_eq!(app.company.facts().await, before);
        app.finish().await;
    }

    async fn the_name_of_a_file_that_cannot_be_sent_is_told_as_that(db: TestDb) {
        let app = TestApp::limited(db, limits()).await;
        let nora = app.signed_in("Nora North").await;
        let before = app.company.facts().await;
        for name in ["a\u{1}b.csv", "a\u{7f}.csv"] {
            let mut body = String::new();
            for (field, value) in fields(&nora).await {
                body.push_str(&format!("--line\r\ncontent-disposition: form-data; name=\"{field}\"\r\n\r\n{value}\r\n"));
            }
            body.push_str(&format!("--line\r\ncontent-disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\na,b\n1,2\n\r\n--line--\r\n"));
            let sent = nora.raw(|http, base| {
                let post = http.post(format!("{base}/imports")).header("sec-fetch-site", "same-origin");
                post.header("content-type", "multipart/form-data; boundary=line").body(body.clone())
            });
            let sent = sent.await;
            assert!(sent.status == 400 && sent.body.contains("The name of the file holds characters"), "{name:?} {}: {}", sent.status, sent.body);
        }
        assert_eq!(app.company.facts().await, before);
        app.finish().await;
    }

    async fn a_form_past_its_limit_is_413_and_so_is_a_field_of_an_upload(db: TestDb) {
        let app = TestApp::limited(db, limits()).await;
        let nora = app.signed_in("Nora North").await;
        let before = app.company.facts().await;
        let csrf = nora.get("/imports/new").await.csrf();
        let note = "n".repeat(300 * 1024);
        let stated = nora.post("/settings/preferences", &[("csrf", &csrf), ("theme", &note)]).await;
        assert_eq!(stated.status, 413, "{}", stated.body);
        assert!(stated.body.contains("<h1") && stated.body.contains("larger than the portal takes"), "{}", stated.body);
        let mut form = fields(&nora).await;
        form[3].1 = "v".repeat(10_000);
        let field = upload(&nora, &form, "a.csv", b"a,b\n1,2\n".to_vec()).await;
        assert_eq!(field.status, 413, "{}", field.body);
        let form = fields(&nora).await;
        let file = upload(&nora, &form, "a.csv", vec![b'a'; (4 << 20) + 1]).await;
        assert!(file.status == 413 && file.body.contains("larger than 4,194 kB"), "{}", file.body);
        assert_eq!(app.company.facts().await, before);
        app.finish().await;
    }
}
