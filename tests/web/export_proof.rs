//! Beside a file that was taken: the newest checkpoint of the trail, and the program that checks it.

use counterfoil::actions::{audit_keys, checkpoints};
use counterfoil::domain::proof::note::{Note, Signed};
use counterfoil::store::checkpoints as kept;

use super::wall::{events, export};
use crate::support::app::TestApp;
use crate::support::database::{TestDb, on_both_engines};

on_both_engines! {
    async fn a_file_comes_with_a_checkpoint_and_its_event_names_one(db: TestDb) {
        let app = TestApp::start(db).await;
        let (nora, sara) = (app.signed_in("Nora North").await, app.signed_in("Sara South").await);
        let first = export(&nora, "").await;
        let place = first.location().trim_end_matches("/file").to_owned();
        assert!(nora.get(&place).await.body.contains("there is no checkpoint yet"));
        assert_eq!(nora.get(&format!("{place}/checkpoint")).await.status, 404);

        let (store, folder) = (&app.company.store, tempfile::tempdir().unwrap());
        let signer = audit_keys::ensure(store, &folder.path().join("key")).await.unwrap();
        checkpoints::catch_up(store, &signer).await.unwrap();
        let newest = kept::newest(&mut store.lone()).await.unwrap().unwrap();
        let made = export(&nora, "").await;
        assert_eq!(nora.get(made.location()).await.status, 200);
        let (place, was) = (made.location().trim_end_matches("/file").to_owned(), newest.size.to_string());
        let detail = events(&app, "export.made").await.pop().unwrap().1["detail"]["checkpoint"].clone();
        assert_eq!((detail["size"].as_str(), detail["root"].as_str().map(str::len)), (Some(was.as_str()), Some(64)), "{detail}");
        let page = nora.get(&place).await;
        assert!(page.body.contains("/counterfoil_verify.py") && page.body.contains(&format!("{place}/checkpoint")), "{}", page.body);
        assert!(nora.get("/exports").await.body.contains(&format!("{place}/checkpoint")));
        let taken = nora.get(&format!("{place}/checkpoint")).await;
        assert!(taken.status == 200 && taken.headers["content-disposition"].to_str().unwrap().contains(&format!("checkpoint_{was}.txt")));
        let notes = Note::all(&taken.body);
        assert_eq!((notes.len(), notes[0].by(signer.public())), (1, Signed::Yes), "{}", taken.body);
        assert_eq!(sara.get(&format!("{place}/checkpoint")).await.status, 404, "it is another\u{2019}s export");
        app.finish().await;
    }
}
