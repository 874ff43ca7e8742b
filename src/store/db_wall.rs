//! The wall inside PostgreSQL: whose regions a transaction sees, and as which role it works (migration 0080).
//!
//! Both are said in the message that begins the transaction and end with it (`SET LOCAL`): a pooled connection carries neither. A transaction that
//! says nothing sees nothing. The role owns nothing: it changes no table's shape, and neither changes nor deletes what is append-only.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::db::{Engine, Read, Reader, Sql, Tx};
use super::db_pools::Pools;
use super::failure::DbError;
use crate::domain::access::Sight;

/// The role that transactions work as. It is one for all databases of a server and nobody signs in with it.
pub const ROLE: &str = "counterfoil_app";

/// Whether transactions can enter the role.
pub(super) type Entered = Arc<AtomicBool>;

/// Makes the role where that is allowed, gives it what it needs on the tables there are, and says in `counterfoil.entered` whether it can be entered. What
/// a trigger keeps from changing, the role may not even try to change. Nothing is done twice, so that two processes that start do not meet.
const RAISE: &str = r"
DO $$
DECLARE
    found RECORD;
    wanted TEXT;
BEGIN
    IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'counterfoil_app') THEN
        BEGIN
            CREATE ROLE counterfoil_app NOLOGIN;
        EXCEPTION WHEN insufficient_privilege OR duplicate_object OR unique_violation THEN NULL;
        END;
    END IF;
    BEGIN
        EXECUTE 'SET LOCAL ROLE counterfoil_app';
        EXECUTE 'SET LOCAL ROLE NONE';
    EXCEPTION WHEN OTHERS THEN
        BEGIN
            EXECUTE format('GRANT counterfoil_app TO %I', session_user);
        EXCEPTION WHEN OTHERS THEN NULL;
        END;
    END;
    BEGIN
        IF NOT has_schema_privilege('counterfoil_app', current_schema(), 'USAGE') THEN
            EXECUTE format('GRANT USAGE ON SCHEMA %I TO counterfoil_app', current_schema());
        END IF;
        FOR found IN
            SELECT c.oid AS id, c.oid::regclass AS name, c.relkind AS kind, c.relname = 'schema_migration' AS fixed,
                coalesce(bool_or(g.tgtype & 16 > 0), false) AS keeps, coalesce(bool_or(g.tgtype & 8 > 0), false) AS stays
            FROM pg_class c LEFT JOIN pg_trigger g ON g.tgrelid = c.oid AND g.tgtype & 1 > 0 AND g.tgfoid = to_regproc('append_only')
            WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'v') GROUP BY c.oid
        LOOP
            FOREACH wanted IN ARRAY ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE'] LOOP
                IF wanted = 'SELECT' OR NOT (found.kind = 'v' OR found.fixed OR (wanted = 'UPDATE' AND found.keeps)
                    OR (wanted = 'DELETE' AND found.stays)) THEN
                    IF NOT has_table_privilege('counterfoil_app', found.id, wanted) THEN
                        EXECUTE format('GRANT %s ON %s TO counterfoil_app', wanted, found.name);
                    END IF;
                ELSIF has_table_privilege('counterfoil_app', found.id, wanted) THEN
                    EXECUTE format('REVOKE %s ON %s FROM counterfoil_app', wanted, found.name);
                END IF;
            END LOOP;
        END LOOP;
        EXECUTE 'SET LOCAL ROLE counterfoil_app';
        EXECUTE 'SET LOCAL ROLE NONE';
        PERFORM set_config('counterfoil.entered', 'yes', true);
    EXCEPTION WHEN insufficient_privilege OR undefined_object OR invalid_parameter_value THEN NULL;
    END;
END;
$$";

/// Makes the role ready, to be called when the schema is as it should be.
pub(super) async fn raise(pools: &Pools) -> Result<(), DbError> {
    let Pools::Postgres { entered, .. } = pools else { return Ok(()) };
    let mut tx = pools.begin_as_owner().await?;
    tx.exec(Sql::new("SELECT 1 FROM (SELECT pg_advisory_xact_lock(7246113)) AS locked")).await?;
    tx.exec_script(RAISE.to_owned()).await?;
    let said: Option<String> = tx.value(Sql::new("SELECT current_setting('counterfoil.entered', true)")).await?;
    tx.commit().await?;
    let ready = said.as_deref() == Some("yes");
    entered.store(ready, Ordering::Release);
    if !ready {
        tracing::warn!(role = ROLE, "the database role cannot be entered: `counterfoil doctor` says what to do");
    }
    Ok(())
}

/// A transaction's first message: how it begins, as whom it works, and what it sees.
pub(super) fn opening(begin: &'static str, as_role: bool, sight: &Sight) -> String {
    let mut text = begin.to_owned();
    if as_role {
        text.push_str("; SET LOCAL ROLE ");
        text.push_str(ROLE);
    }
    look(&mut text, sight);
    text
}

/// Appends what is to be seen from here on. Nothing in it comes from anybody but this program: ids are written by their numbers.
fn look(text: &mut String, sight: &Sight) {
    match sight {
        Sight::Everything => text.push_str("; SET LOCAL counterfoil.regions = '*'"),
        Sight::Within { person, regions } => {
            text.push_str("; SET LOCAL counterfoil.person = '");
            text.push_str(&person.0.to_string());
            text.push_str("'; SET LOCAL counterfoil.regions = '");
            let regions: Vec<String> = regions.iter().map(|region| region.0.to_string()).collect();
            text.push_str(&regions.join(","));
            text.push('\'');
        }
    }
}

impl Read {
    /// From here on only what is in sight, in the same snapshot: for whoever was looked up in it first.
    pub async fn narrow(&mut self, sight: &Sight) -> Result<(), DbError> {
        self.1 = sight.clone();
        match (&mut self.0, sight) {
            (Tx::Sqlite(_), _) | (_, Sight::Everything) => Ok(()),
            (tx, Sight::Within { .. }) => {
                let mut text = "SET LOCAL counterfoil.regions = \'\'".to_owned();
                look(&mut text, sight);
                tx.exec_script(text).await
            }
        }
    }
}

/// How the role stands on a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It can be entered.
    Entered,
    /// It is there, and whoever the program signs in as may not enter it.
    Closed,
    /// It is not there.
    Missing,
}

/// How the role stands, for whom the program signs in as, and whether row-level security binds that one; `None` on SQLite.
pub async fn standing(reader: &mut impl Reader) -> Result<Option<(Standing, String, bool)>, DbError> {
    if reader.engine() == Engine::Sqlite {
        return Ok(None);
    }
    let sql = Sql::new(
        "SELECT (SELECT CAST(CASE WHEN pg_has_role(session_user, r.oid, \
         CASE WHEN CAST(current_setting('server_version_num') AS INTEGER) >= 160000 THEN 'SET' ELSE 'MEMBER' END) \
         THEN 1 ELSE 0 END AS BIGINT) FROM pg_roles r WHERE r.rolname = $1), \
         CAST(u.rolname AS TEXT), CAST(CASE WHEN u.rolsuper OR u.rolbypassrls THEN 0 ELSE 1 END AS BIGINT) FROM pg_roles u WHERE u.rolname = session_user",
    );
    let row: Option<(Option<i64>, String, i64)> = reader.one(sql.bind(ROLE)).await?;
    Ok(row.map(|(member, user, bound)| {
        let standing = match member {
            Some(1) => Standing::Entered,
            Some(_) => Standing::Closed,
            None => Standing::Missing,
        };
        (standing, user, bound == 1)
    }))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::id::{RegionId, UserId};

    #[test]
    fn a_transaction_begins_with_its_role_and_its_regions() {
        let everything = opening("BEGIN", true, &Sight::Everything);
        assert_eq!(everything, "BEGIN; SET LOCAL ROLE counterfoil_app; SET LOCAL counterfoil.regions = '*'");
        let regions = [7, 9].map(|number| RegionId(Uuid::from_u128(number))).into();
        let within = opening("BEGIN", false, &Sight::Within { person: UserId(Uuid::from_u128(1)), regions });
        assert_eq!(
            within,
            "BEGIN; SET LOCAL counterfoil.person = '00000000-0000-0000-0000-000000000001'; \
             SET LOCAL counterfoil.regions = '00000000-0000-0000-0000-000000000007,00000000-0000-0000-0000-000000000009'"
        );
        let nowhere = opening("BEGIN", false, &Sight::Within { person: UserId(Uuid::nil()), regions: [].into() });
        assert!(nowhere.ends_with("counterfoil.regions = ''"), "{nowhere}");
    }
}
