//! An import as a person does it, page by page, without script.

use counterfoil::actions::imports::Limits;
use counterfoil::jobs;

use crate::support::app::{Answer, Client, TestApp};
use crate::support::database::{TestDb, on_both_engines};

const ROWS: &str = "Region,Budget,Id,Amount,Name,Date,Note\n\
    North,North one,W1,100.00,Ann,01/05/2026,=1+1\n\
    North,North one,W2,-20.00,Ben,02/05/2026,credit\n\
    Atlantis,,W3,5.00,Cay,03/05/2026,=cmd|' /C calc'!A0\n";

/// Sends the upload form; `fields` come before the file, in this order.
pub async fn upload(client: &Client, fields: &[(&'static str, String)], name: &str, bytes: Vec<u8>) -> Answer {
    let mut form = reqwest::multipart::Form::new();
    for (field, value) in fields {
        form = form.text(*field, value.clone());
    }
    form = form.part("file", reqwest::multipart::Part::bytes(bytes).file_name(name.to_owned()));
    client.raw(|http, base| http.post(format!("{base}/imports")).header("sec-fetch-site", "same-origin").multipart(form)).await
}

/// The fields before the file, from a fresh page.
pub async fn fields(client: &Client) -> Vec<(&'static str, String)> {
    let page = client.get("/imports/new").await;
    vec![("csrf", page.csrf()), ("key", page.field("key")), ("source", "Vendor".to_owned()), ("new_source", String::new())]
}

/// Does what the jobs would do.
pub async fn work(app: &TestApp) {
    jobs::import::turn(&app.company.store, &Limits::default()).await.unwrap();
}

on_both_engines! {
    async fn from_the_file_to_the_result_page_by_page(db: TestDb) {
        let app = TestApp::start(db).await;
        let nora = app.signed_in("Nora North").await;
        let form = fields(&nora).await;
        let sent = upload(&nora, &form, "may.csv", ROWS.into()).await;
        assert_eq!(sent.status, 303, "{}", sent.body);
        let again = upload(&nora, &form, "may.csv", ROWS.into()).await;
        assert_eq!(again.location(), sent.location(), "sent twice, it is one import");
        let columns = sent.location().to_owned();
        let import = columns.trim_end_matches("/columns").to_owned();

        let page = nora.get(&columns).await;
        assert_eq!(page.status, 200, "{}", page.body);
        assert!(page.body.contains("How are dates written?"), "the file cannot tell day from month");
        let (csrf, version) = (page.csrf(), page.field("version"));
        let mut sent = vec![("csrf", csrf.as_str()), ("version", version.as_str())];
        sent.extend([("currency", "EUR"), ("zone", "UTC"), ("name", "Vendor CSV")]);
        let chosen = ["region", "budget", "external_id", "amount_issued", "recipient_name", "issued_at", "note"];
        let names: Vec<String> = (0..chosen.len()).map(|at| format!("column-{at}")).collect();
        sent.extend(names.iter().map(String::as_str).zip(chosen));
        let asked = nora.post(&columns, &sent).await;
        assert_eq!(asked.status, 422, "{}", asked.body);
        assert!(asked.body.contains("<title>Error: ") && asked.body.contains("#dates"));
        sent.push(("dates", "day_first"));
        let kept = nora.post(&columns, &sent).await;
        assert_eq!((kept.status, kept.location()), (303, format!("{import}/values").as_str()), "{}", kept.body);

        let page = nora.get(kept.location()).await;
        assert!(page.body.contains("Atlantis") && !page.body.contains("South"), "only regions of hers are offered");
        let (csrf, version, north) = (page.csrf(), page.field("version"), app.company.regions["North"].to_string());
        let budget = app.company.budgets["North one"].to_string();
        // The most frequent value first: North, then Atlantis.
        let mut form = vec![("csrf", csrf.as_str()), ("version", version.as_str())];
        form.extend([("region-0", north.as_str()), ("region-1", ""), ("budget-0", &budget), ("region", ""), ("budget", "")]);
        let kept = nora.post(&format!("{import}/values"), &form).await;
        assert_eq!((kept.status, kept.location()), (303, format!("{import}/check").as_str()), "{}", kept.body);
        assert!(nora.get(kept.location()).await.body.contains("<progress"));
        work(&app).await;

        let page = nora.get(kept.location()).await;
        assert!(page.body.contains("region_out_of_scope") && page.body.contains("80.00"), "{}", page.body);
        let (csrf, version, key) = (page.csrf(), page.field("version"), page.field("key"));
        let mut form = vec![("csrf", csrf.as_str()), ("version", version.as_str()), ("key", key.as_str()), ("mode", "all_or_nothing")];
        assert_eq!(nora.post(&format!("{import}/commit"), &form).await.status, 422);
        form[3].1 = "good_rows";
        let asked = nora.post(&format!("{import}/commit"), &form).await;
        assert_eq!((asked.status, asked.location()), (303, import.as_str()), "{}", asked.body);
        assert_eq!(nora.post(&format!("{import}/commit"), &form).await.status, 303, "sent twice, it is one commit");
        work(&app).await;
        let page = nora.get(&import).await;
        let id = import.trim_start_matches("/imports/");
        assert!(page.body.contains("Imported") && page.body.contains(&format!("/transactions?import={id}")));

        let refused = nora.get(&format!("{import}/refused.csv")).await;
        assert!(refused.headers["content-disposition"].to_str().unwrap().contains("may_refused.csv"));
        assert!(refused.body.contains("Region,Budget,Id,Amount,Name,Date,Note,line,error_code,error_field,error_message"));
        assert!(refused.body.contains("'=cmd|") && refused.body.contains(",4,region_out_of_scope,region,"), "{}", refused.body);

        // It touched the North alone: a partner there sees what it did, and takes no refused rows away.
        for (other, status) in [("Sara South", 404), ("Sven South", 404), ("Nils North", 200), ("Finn Finance", 200)] {
            assert_eq!(app.signed_in(other).await.get(&import).await.status, status, "{other}");
        }
        assert_eq!(app.signed_in("Nils North").await.get(&format!("{import}/refused.csv")).await.status, 403);
        assert_eq!(app.signed_in("Sara South").await.get(&format!("{import}/refused.csv")).await.status, 404);
        app.finish().await;
    }

    async fn refused_rows_name_nobody_to_whoever_sees_no_names(db: TestDb) {
        const FILE: &str = "Region,Id,Amount,Name,Mail,Date,Remark\n\
            North,A-1,10.00,Asha Rao,asha@rao.example,2026-05-02,for Asha\n\
            Atlantis,A-2,11.00,Jonas Weber,jonas@weber.example,2026-05-02,for Jonas\n\
            North,A-3,12.00,Mia Holm,mia.holm-at-home,2026-05-02,for Mia\n\
            North,A-4,13.00,hidden,,2026-05-02,\n\
            North,much,14.00,Olga, Petrov,olga@petrov.example,2026-05-02,for Olga\n";
        let app = TestApp::start(db).await;
        let nora = app.signed_in("Nora North").await;
        let columns = upload(&nora, &fields(&nora).await, "names.csv", FILE.into()).await.location().to_owned();
        let import = columns.trim_end_matches("/columns").to_owned();
        let page = nora.get(&columns).await;
        let (csrf, version) = (page.csrf(), page.field("version"));
        let mut sent = vec![("csrf", csrf.as_str()), ("version", version.as_str())];
        sent.extend([("currency", "EUR"), ("zone", "UTC"), ("dates", "day_first")]);
        let chosen = ["region", "external_id", "amount_issued", "recipient_name", "recipient_email", "issued_at"];
        let names: Vec<String> = (0..chosen.len()).map(|at| format!("column-{at}")).collect();
        sent.extend(names.iter().map(String::as_str).zip(chosen));
        let kept = nora.post(&columns, &sent).await;
        assert_eq!(kept.status, 303, "{}", kept.body);
        let page = nora.get(kept.location()).await;
        let (csrf, version, north) = (page.csrf(), page.field("version"), app.company.regions["North"].to_string());
        let form = [("csrf", csrf.as_str()), ("version", &version), ("region-0", &north), ("region-1", ""), ("region", ""), ("budget", "")];
        let kept = nora.post(&format!("{import}/values"), &form).await;
        assert_eq!((kept.status, kept.location()), (303, format!("{import}/check").as_str()), "{}", kept.body);
        work(&app).await;
        let words = ["Jonas", "jonas@", "Mia", "mia.holm", "Olga", "Petrov"];
        let (page, file) = (nora.get(kept.location()).await.body, nora.get(&format!("{import}/refused.csv")).await.body);
        assert!(words.iter().all(|word| file.contains(word)) && page.contains("mia.holm-at-home"), "she sees names in the North: {file} {page}");
        assert!(file.contains("hidden_value") && !page.contains("hidden from you"), "{file}");

        let finn = app.signed_in("Finn Finance").await;
        let (page, file) = (finn.get(&import).await.body, finn.get(&format!("{import}/refused.csv")).await.body);
        for word in words {
            assert!(!file.contains(word) && !page.contains(word), "{word}: {file} {page}");
        }
        assert!(file.contains("Atlantis,A-2,11.00,hidden,hidden,2026-05-02,hidden,3,"), "the rest is as it was: {file}");
        assert!(file.contains(",email_invalid,recipient_email,hidden"), "{file}");
        app.finish().await;
    }

    async fn a_withdrawn_import_says_what_became_of_it_and_offers_nothing(db: TestDb) {
        let app = TestApp::start(db).await;
        let nora = app.signed_in("Nora North").await;
        let columns = upload(&nora, &fields(&nora).await, "may.csv", ROWS.into()).await.location().to_owned();
        let import = columns.trim_end_matches("/columns");
        let page = nora.get(import).await;
        assert!(page.body.contains("<dt>Refused rows</dt><dd>Not chosen yet</dd>"), "{}", page.body);
        let (csrf, version) = (page.csrf(), page.field("version"));
        let sent = nora.post(&format!("{import}/withdrawal"), &[("csrf", csrf.as_str()), ("version", version.as_str())]).await;
        assert_eq!(sent.status, 303, "{}", sent.body);
        let page = nora.get(import).await.body;
        assert!(page.contains("<dt>Refused rows</dt><dd>Withdrawn before it was chosen</dd>") && !page.contains("yet"), "{page}");
        app.finish().await;
    }

    async fn nothing_is_read_before_the_token_and_too_much_is_refused(db: TestDb) {
        let app = TestApp::start(db).await;
        let nora = app.signed_in("Nora North").await;
        let mut form = fields(&nora).await;
        let csrf = form.remove(0);
        assert_eq!(upload(&nora, &form, "may.csv", ROWS.into()).await.status, 403);
        form.insert(0, ("csrf", "wrong".to_owned()));
        assert_eq!(upload(&nora, &form, "may.csv", ROWS.into()).await.status, 403);
        form[0] = csrf;
        let sent = upload(&nora, &form, "may.pdf", b"%PDF-1.7 \x00".to_vec()).await;
        assert_eq!(sent.status, 422, "{}", sent.body);
        assert!(sent.body.contains("<title>Error: "));
        assert!(nora.get("/imports").await.body.contains("No imports yet"), "nothing of a refused file survives");
        let nils = app.signed_in("Nils North").await;
        assert_eq!(nils.get("/imports").await.status, 403, "a partner imports nothing");
        assert_eq!(nora.get("/imports/imp_00000000000000000000000000").await.status, 404);
        assert_eq!(nora.get("/imports/nonsense").await.status, 404);
        app.finish().await;
    }
}
