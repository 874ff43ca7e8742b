//! An older database in the place of a newer one: it lets people look, and nothing more, until somebody answers for it.

use counterfoil::actions::audit::Verdict;
use counterfoil::actions::restores::{self, Standing};
use counterfoil::domain::access::Actor;
use counterfoil::domain::proof::testimony::Lost;
use counterfoil::jobs::checkpoints::turn;
use counterfoil::store::checkpoints as kept;

use super::Proven;
use crate::support::app::BareApp;
use crate::support::database::{TestDb, on_both_engines};

on_both_engines! {
    async fn an_older_database_is_held_until_it_is_accepted(db: TestDb) {
        let proven = Proven::found(db).await;
        let (store, proving) = (&proven.company.store, proven.proving());
        assert_eq!(restores::look(store, &proving).await.unwrap(), Standing::Free);
        let rows = kept::after(&mut store.lone(), 0, 10).await.unwrap();
        let (kept_to, lost_to) = (rows[1].size, rows[2].size);
        let lost = Lost { kept_to, lost_to, until: rows[2].at };
        proven.cut(kept_to).await;
        assert_eq!(restores::look(store, &proving).await.unwrap(), Standing::Older(lost));

        // Signing in and looking goes on; changing does not.
        let app = BareApp::over(store.clone()).await;
        let ada = app.anonymous();
        assert_eq!(ada.sign_in(&proven.company.people["Ada Admin"].to_string()).await.status, 303);
        let page = ada.get("/audit/proof").await;
        assert!(page.status == 200 && page.body.contains("An older database"), "{}", page.body);
        let form = [("csrf", page.csrf()), ("theme", "dark".to_owned()), ("density", String::new())];
        let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let refused = ada.post("/settings/preferences", &form).await;
        assert!(refused.status == 422 && refused.body.contains("restore accept"), "{}", refused.body);
        turn(store, &proving, true).await.unwrap();
        assert_eq!(kept::newest(&mut store.lone()).await.unwrap().unwrap().size, kept_to, "nothing is signed meanwhile");

        assert!(restores::accept(store, &proving, Actor::system("cli"), "  ").await.is_err());
        assert_eq!(restores::accept(store, &proving, Actor::system("cli"), "disk failure").await.unwrap(), lost);
        assert_eq!(ada.post("/settings/preferences", &form).await.status, 303);
        assert_eq!(restores::look(store, &proving).await.unwrap(), Standing::Free, "what was answered for is not asked again");
        assert!(restores::accept(store, &proving, Actor::system("cli"), "again").await.is_err());
        proven.events(30).await;
        proven.sign().await;
        proven.both_are_content().await;
        let proof = counterfoil::actions::proof::of_store(store, &proven.outside(), |_, _| {}).await.unwrap();
        assert!(matches!(proof.verdict, Verdict::Ok { .. }) && proof.lost == [(kept_to, lost_to)], "{proof:?}");
    }
}
