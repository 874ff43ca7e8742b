//! The portal: the whole route table on one screen, and what handlers share.

mod again;
mod approvals;
mod approvals_detail;
mod approvals_facts;
mod approvals_filter;
pub mod assets;
mod audit;
mod audit_event;
mod audit_proof;
mod body;
mod budgets;
mod budgets_chart;
mod budgets_check;
mod budgets_detail;
mod budgets_edit;
mod budgets_fields;
mod budgets_groups;
mod budgets_list;
mod budgets_money;
pub mod chart;
mod choices;
mod csrf;
pub mod error;
mod evidence;
mod evidence_file;
mod exports;
mod exports_budgets;
mod exports_detail;
mod forgotten;
mod form;
mod frame;
mod guard;
mod health;
mod imports;
mod imports_check;
mod imports_columns;
mod imports_mappings;
mod imports_refused;
mod imports_report;
mod imports_upload;
mod imports_values;
mod overview;
mod pack;
pub mod page;
mod passkeys;
mod password;
mod peers;
mod people;
mod people_access;
mod people_add;
mod people_grants;
mod portal;
mod postings;
mod prove;
mod qr;
mod recipients;
mod refused;
mod regions;
mod regions_edit;
mod regions_move;
mod reviews;
mod reviews_open;
mod role_check;
mod roles;
mod roles_edit;
mod roles_retire;
mod search;
mod second_factor;
pub mod server;
mod session;
mod sessions;
mod settings;
mod settings_approvals;
mod settings_organisation;
mod settings_retention;
mod settings_sign_in;
mod setup;
mod sign_in;
mod sign_in_code;
mod table;
mod transactions;
mod transactions_assign;
mod transactions_detail;
mod transactions_filter;
mod transactions_known;
mod transactions_timeline;

use actix_session::SessionMiddleware;
use actix_session::config::{BrowserSession, CookieContentSecurity};
use actix_web::App;
use actix_web::cookie::{Key, SameSite};
use actix_web::middleware::{Compress, from_fn};
use actix_web::web::{self, ServiceConfig, scope};

use crate::domain::refusal::Refusal;
use budgets_money::{Adjustment, Allocation, CarryOver, Commitment, Reservation, Reversal, Transfer, Void};
use error::WebError;
pub use portal::Portal;
pub use session::Lives;
pub use table::Listed;
use table::{Table, get, post, resource};
pub use transactions_known::Known;

/// The name of the session cookie. `__Host-` binds it to this host and to `Secure`: browsers send it over TLS, which a proxy in front may speak, and
/// over plain HTTP only to this machine itself. Over plain HTTP from another machine nobody can sign in, and that is meant.
pub const SESSION_COOKIE: &str = "__Host-counterfoil";

/// Every route of the portal.
pub fn routes(config: &mut ServiceConfig, portal: &Portal) {
    let sessions = SessionMiddleware::builder(session::Sessions::new(portal.store.clone(), portal.lives), Key::from(&portal.key))
        .cookie_name(SESSION_COOKIE.to_owned())
        .cookie_secure(true)
        .cookie_http_only(true)
        .cookie_same_site(SameSite::Lax)
        .cookie_content_security(CookieContentSecurity::Signed)
        .session_lifecycle(BrowserSession::default())
        .build();
    config.app_data(web::Data::new(portal.clone()));
    // What an extractor cannot read gets the same page as everything else. An id in a path that is none is missing like one that is not there.
    config.app_data(
        web::QueryConfig::default()
            .error_handler(|_, _| WebError::Malformed("The address holds something the portal does not read.").into()),
    );
    config.app_data(web::PathConfig::default().error_handler(|_, _| WebError::from(Refusal::NotFound).into()));
    config.service(
        scope("")
            .wrap(from_fn(again::around))
            .wrap(sessions)
            .wrap(from_fn(frame::around))
            .wrap(Compress::default())
            .configure(|config| drop(all(config)))
            // Last: whatever fits none of them.
            .default_service(web::to(frame::nothing_here)),
    );
}

/// Registers every address; the list of them.
fn all(config: &mut ServiceConfig) -> Vec<Listed> {
    let mut table = Table::on(config);
    open(&mut table);
    organisation(&mut table);
    settings_pages(&mut table);
    records(&mut table);
    files(&mut table);
    money(&mut table);
    table.listed()
}

/// Every way of asking every address, from the table that the router is made of.
pub fn listed() -> Vec<Listed> {
    let mut listed = Vec::new();
    drop(App::new().configure(|config| listed = all(config)));
    listed
}

/// What is open to everybody: signing in, the first set-up, health, assets.
fn open(table: &mut Table<'_>) {
    table
        .route("/a/{hash}/{file}", get().to(assets::serve))
        .route("/signed-out.css", get().to(assets::signed_out))
        .route("/healthz", get().to(health::alive))
        .route("/readyz", get().to(health::ready))
        .route("/metrics", get().to(health::metrics))
        .service(resource("/sign-in").route(get().to(sign_in::page)).route(post().to(sign_in::submit)))
        .service(resource("/sign-in/code").route(get().to(sign_in_code::page)).route(post().to(sign_in_code::prove)))
        .service(resource("/sign-in/second-factor").route(get().to(sign_in_code::set_up_page)).route(post().to(sign_in_code::set_up)))
        .route("/sign-in/passkey", post().to(passkeys::sign_in))
        .route("/sign-in/passkey/challenge", post().to(passkeys::ask_to_use))
        .route("/demo/sign-in", post().to(sign_in::demo))
        .service(resource("/prove").route(get().to(prove::page)).route(post().to(prove::prove)))
        .route("/prove/passkey", post().to(passkeys::prove))
        .route("/go-on", get().to(again::go_on))
        .route("/session", get().to(sessions::left))
        .route("/stay-signed-in", get().to(sessions::stay))
        .route("/sign-out", post().to(sign_in::out))
        .route("/signed-out", get().to(sign_in::signed_out))
        .service(resource("/password/{token}").route(get().to(password::page)).route(post().to(password::choose)))
        .route("/password-chosen", get().to(password::chosen))
        .service(resource("/forgotten-password").route(get().to(forgotten::page)).route(post().to(forgotten::ask)))
        .route("/forgotten-password/asked", get().to(forgotten::asked))
        .service(resource("/setup/{token}").route(get().to(setup::organisation)).route(post().to(setup::save_organisation)))
        .service(resource("/setup/{token}/currencies").route(get().to(setup::currencies)).route(post().to(setup::save_currencies)))
        .service(resource("/setup/{token}/regions").route(get().to(setup::regions)).route(post().to(setup::save_regions)))
        .service(resource("/setup/{token}/people").route(get().to(setup::people)).route(post().to(setup::finish)));
}

/// Overview, audit, people, regions.
fn organisation(table: &mut Table<'_>) {
    table
        .route("/", get().to(overview::page))
        .route("/setup-tasks/dismissal", post().to(settings_organisation::dismiss_tasks))
        // Audit.
        .route("/audit", get().to(audit::list))
        .route("/audit/exports", post().to(audit_proof::export))
        .route("/audit/proof", get().to(audit_proof::page))
        .route("/audit/verifications", post().to(audit_proof::verify))
        .route("/audit/{id}", get().to(audit_event::event))
        // Evidence.
        .route("/evidence", get().to(evidence::list))
        .service(resource("/evidence/reviews").route(get().to(reviews::list)).route(post().to(reviews_open::open)))
        .route("/evidence/reviews/new", get().to(reviews_open::new))
        .route("/evidence/reviews/{id}", get().to(reviews::page))
        .route("/evidence/reviews/{id}/end", post().to(reviews::close))
        .route("/evidence/reviews/{id}/grants/{grant}", post().to(reviews::decide))
        .route("/evidence/{report}", get().to(evidence::report))
        // People.
        .service(resource("/people").route(get().to(people::list)).route(post().to(people_add::add)))
        .route("/people/new", get().to(people_add::new))
        .service(resource("/people/sign-out").route(get().to(sessions::ask_everybody)).route(post().to(sessions::end_everybody)))
        .route("/people/{id}", get().to(people::detail))
        .route("/people/{id}/access", get().to(people_access::page))
        .route("/people/{id}/grants", post().to(people_grants::grant))
        .route("/people/{id}/grants/check", get().to(people_grants::check))
        .service(resource("/people/{id}/grants/{grant}/end").route(get().to(people_grants::ask_end)).route(post().to(people_grants::end)))
        .route("/people/{id}/password-link", post().to(people_add::link))
        .route("/people/{id}/reinstatement", post().to(people::reinstate))
        .route("/people/{id}/second-factor/removal", post().to(people_add::remove_second_factor))
        .route("/people/{id}/sessions/end", post().to(sessions::end_hers))
        .route("/people/{id}/suspension", post().to(people::suspend))
        .service(resource("/roles").route(get().to(roles::list)).route(post().to(roles_edit::make)))
        .route("/roles/new", get().to(roles_edit::new))
        .service(resource("/roles/{id}").route(get().to(roles::detail)).route(post().to(roles_edit::save)))
        .route("/roles/{id}/check", get().to(roles_edit::check))
        .route("/roles/{id}/edit", get().to(roles_edit::edit))
        .service(
            resource("/roles/{id}/reinstatement").route(get().to(roles_retire::ask_reinstate)).route(post().to(roles_retire::reinstate)),
        )
        .service(resource("/roles/{id}/retirement").route(get().to(roles_retire::ask_retire)).route(post().to(roles_retire::retire)))
        // Regions.
        .service(resource("/regions").route(get().to(regions::list)).route(post().to(regions_edit::add)))
        .route("/regions/new", get().to(regions_edit::new))
        .service(resource("/regions/{id}").route(get().to(regions::detail)).route(post().to(regions_edit::save)))
        .route("/regions/{id}/edit", get().to(regions_edit::edit))
        .service(resource("/regions/{id}/move").route(get().to(regions_edit::ask_move)).route(post().to(regions_edit::do_move)))
        .route("/regions/{id}/move/check", get().to(regions_move::check))
        .service(
            resource("/regions/{id}/reinstatement")
                .route(get().to(regions_edit::ask_reinstate))
                .route(post().to(regions_edit::do_reinstate)),
        )
        .service(resource("/regions/{id}/retirement").route(get().to(regions_edit::ask_retire)).route(post().to(regions_edit::do_retire)));
}

/// Settings: one's own, and the organisation's.
fn settings_pages(table: &mut Table<'_>) {
    table
        .route("/settings", get().to(settings::you))
        .route("/settings/about", get().to(settings::about))
        .route("/settings/approvals", get().to(settings_approvals::page))
        .route("/settings/approvals/letters", post().to(settings_approvals::want_letters))
        .route("/settings/approvals/policies", post().to(settings_approvals::add_policy))
        .route("/settings/approvals/policies/{id}/end", post().to(settings_approvals::end_policy))
        .route("/settings/approvals/stand-ins", post().to(settings_approvals::lend))
        .route("/settings/approvals/stand-ins/{id}/end", post().to(settings_approvals::take_back))
        .route("/settings/currencies", post().to(settings_organisation::add_currency))
        .route("/settings/currencies/{code}/removal", post().to(settings_organisation::remove_currency))
        .service(
            resource("/settings/organisation").route(get().to(settings_organisation::page)).route(post().to(settings_organisation::save)),
        )
        .service(resource("/settings/passkeys").route(get().to(passkeys::page)).route(post().to(passkeys::add)))
        .route("/settings/passkeys/challenge", post().to(passkeys::ask_to_make))
        .route("/settings/passkeys/{id}/removal", post().to(passkeys::remove))
        .route("/settings/password", post().to(settings::change_password))
        .route("/settings/preferences", post().to(settings::prefer))
        .service(
            resource("/settings/reason-codes")
                .route(get().to(settings_organisation::reasons))
                .route(post().to(settings_organisation::add_reason)),
        )
        .route("/settings/reason-codes/{code}", post().to(settings_organisation::change_reason))
        .service(resource("/settings/retention").route(get().to(settings_retention::page)).route(post().to(settings_retention::save)))
        .service(resource("/settings/second-factor").route(get().to(second_factor::page)).route(post().to(second_factor::set_up)))
        .route("/settings/second-factor/codes", post().to(second_factor::new_codes))
        .route("/settings/second-factor/removal", post().to(second_factor::turn_off))
        .service(resource("/settings/sign-in").route(get().to(settings_sign_in::page)).route(post().to(settings_sign_in::save)))
        .route("/settings/sign-in/step-up", post().to(settings_sign_in::save_step_up))
        .service(resource("/settings/sessions").route(get().to(sessions::page)).route(post().to(sessions::end)))
        .route("/settings/sources", post().to(settings_organisation::add_source))
        .route("/settings/sources/{id}", post().to(settings_organisation::rename_source));
}

/// Search, exports and transactions.
fn records(table: &mut Table<'_>) {
    table
        .route("/search", get().to(search::search))
        .service(resource("/exports").route(get().to(exports::list)).route(post().to(exports::create)))
        .route("/exports/new", get().to(exports::new))
        .route("/exports/{id}", get().to(exports_detail::page))
        .route("/exports/{id}/checkpoint", get().to(exports_detail::checkpoint))
        .route("/exports/{id}/file", get().to(exports::file))
        // Transactions.
        .route("/recipients/{id}", get().to(recipients::page))
        .route("/recipients/{id}/reveals", post().to(recipients::reveal))
        .service(resource("/recipients/{id}/erasure").route(get().to(recipients::ask_erase)).route(post().to(recipients::erase)))
        .route("/transactions", get().to(transactions::list))
        .route("/transactions/{id}", get().to(transactions_detail::page))
        .service(
            resource("/transactions/{id}/assignment")
                .route(get().to(transactions_assign::form))
                .route(post().to(transactions_assign::assign)),
        );
}

/// Imports.
fn files(table: &mut Table<'_>) {
    table
        .service(resource("/imports").route(get().to(imports::list)).route(post().to(imports::upload)))
        .route("/imports/new", get().to(imports::new))
        .route("/imports/mappings", get().to(imports_mappings::list))
        .route("/imports/mappings/{id}/name", post().to(imports_mappings::rename))
        .route("/imports/mappings/{id}/removal", post().to(imports_mappings::remove))
        .route("/imports/{id}", get().to(imports::page))
        .route("/imports/{id}/mapping", post().to(imports_mappings::choose))
        .service(resource("/imports/{id}/columns").route(get().to(imports_columns::page)).route(post().to(imports_columns::submit)))
        .service(resource("/imports/{id}/values").route(get().to(imports_values::page)).route(post().to(imports_values::submit)))
        .service(resource("/imports/{id}/check").route(get().to(imports_check::page)).route(post().to(imports_check::submit)))
        .route("/imports/{id}/commit", post().to(imports_check::commit))
        .route("/imports/{id}/withdrawal", post().to(imports_check::withdraw))
        .route("/imports/{id}/refused.csv", get().to(imports_refused::file));
}

/// Approvals, budgets and postings.
fn money(table: &mut Table<'_>) {
    table
        .route("/approvals", get().to(approvals::list))
        .route("/approvals/{id}", get().to(approvals_detail::page))
        .route("/approvals/{id}/approval", post().to(approvals_detail::approve))
        .route("/approvals/{id}/refusal", post().to(approvals_detail::decline))
        .route("/approvals/{id}/withdrawal", post().to(approvals_detail::withdraw))
        .service(resource("/budgets").route(get().to(budgets::list)).route(post().to(budgets_edit::create)))
        .route("/budgets/new", get().to(budgets_edit::new))
        .route("/budgets/{id}", get().to(budgets_detail::page))
        .route("/budgets/{id}/edit", get().to(budgets_edit::edit))
        .route("/budgets/{id}/versions", post().to(budgets_edit::keep))
        .route("/budgets/{id}/activation/new", get().to(budgets_edit::activation))
        .route("/budgets/{id}/activation", post().to(budgets_edit::activate))
        .route("/budgets/{id}/closure/new", get().to(budgets_edit::closure))
        .route("/budgets/{id}/closure", post().to(budgets_edit::close))
        .route("/budgets/{id}/allocations/new", get().to(budgets_money::form::<Allocation>))
        .route("/budgets/{id}/allocations/check", get().to(budgets_money::check::<Allocation>))
        .route("/budgets/{id}/allocations", post().to(budgets_money::submit::<Allocation>))
        .route("/budgets/{id}/adjustments/new", get().to(budgets_money::form::<Adjustment>))
        .route("/budgets/{id}/adjustments/check", get().to(budgets_money::check::<Adjustment>))
        .route("/budgets/{id}/adjustments", post().to(budgets_money::submit::<Adjustment>))
        .route("/budgets/{id}/transfers/new", get().to(budgets_money::form::<Transfer>))
        .route("/budgets/{id}/transfers/check", get().to(budgets_money::check::<Transfer>))
        .route("/budgets/{id}/transfers", post().to(budgets_money::submit::<Transfer>))
        .route("/budgets/{id}/reservations/new", get().to(budgets_money::form::<Reservation>))
        .route("/budgets/{id}/reservations/check", get().to(budgets_money::check::<Reservation>))
        .route("/budgets/{id}/reservations", post().to(budgets_money::submit::<Reservation>))
        .route("/budgets/{id}/carry-overs/new", get().to(budgets_money::form::<CarryOver>))
        .route("/budgets/{id}/carry-overs/check", get().to(budgets_money::check::<CarryOver>))
        .route("/budgets/{id}/carry-overs", post().to(budgets_money::submit::<CarryOver>))
        .route("/postings/{id}", get().to(postings::page))
        .route("/postings/{id}/commitment/new", get().to(budgets_money::form::<Commitment>))
        .route("/postings/{id}/commitment/check", get().to(budgets_money::check::<Commitment>))
        .route("/postings/{id}/commitment", post().to(budgets_money::submit::<Commitment>))
        .route("/postings/{id}/void/new", get().to(budgets_money::form::<Void>))
        .route("/postings/{id}/void/check", get().to(budgets_money::check::<Void>))
        .route("/postings/{id}/void", post().to(budgets_money::submit::<Void>))
        .route("/postings/{id}/reversal/new", get().to(budgets_money::form::<Reversal>))
        .route("/postings/{id}/reversal/check", get().to(budgets_money::check::<Reversal>))
        .route("/postings/{id}/reversal", post().to(budgets_money::submit::<Reversal>));
}
