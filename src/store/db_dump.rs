//! Backups of PostgreSQL, by its own programs `pg_dump` and `pg_restore`: their archive can be read by every later version of the server.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use sqlx::{Connection, PgConnection};

use super::failure::{DbError, Failure};

/// How a server is reached. The password travels in the environment, where no other user can see it.
#[derive(Clone, Debug)]
pub struct Server {
    /// The address without the password.
    pub url: String,
    /// The password.
    pub password: Option<String>,
}

/// Writes everything of a snapshot (see [`super::db::Read::shared`]) into the file.
pub fn dump(server: &Server, snapshot: &str, file: &Path) -> Result<(), Failure> {
    let mut command = program("pg_dump", server);
    command
        .args(["--format=custom", "--no-owner", "--no-privileges", "--no-password", "--enable-row-security", "--snapshot"])
        .arg(snapshot);
    // The owner of the tables is held to the wall like everybody: without this the archive would be refused.
    command.env("PGOPTIONS", "-c counterfoil.regions=*");
    command.arg("--file").arg(file).arg("--dbname").arg(&server.url);
    finish(start(&mut command)?, "pg_dump")
}

/// How many rows of each table an archive holds. Every byte of it is read and unpacked for that. `progress` is told how many so far.
pub fn rows(file: &Path, mut progress: impl FnMut(u64)) -> Result<BTreeMap<String, i64>, Failure> {
    let mut command = Command::new("pg_restore");
    command.args(["--data-only", "--file=-"]).arg(file).stdout(Stdio::piped());
    let mut child = start(&mut command)?;
    let mut counts = BTreeMap::new();
    if let Some(out) = child.stdout.take() {
        count(BufReader::with_capacity(1 << 20, out), &mut counts, &mut progress)?;
    }
    finish(child, "pg_restore")?;
    Ok(counts)
}

/// Counts the rows between `COPY public.name (…) FROM stdin;` and `\.`. In this format a value never holds a line's end.
fn count(mut text: impl BufRead, counts: &mut BTreeMap<String, i64>, progress: &mut impl FnMut(u64)) -> Result<(), Failure> {
    let (mut line, mut table, mut all) = (Vec::new(), None::<String>, 0u64);
    loop {
        line.clear();
        if text.read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        match &table {
            Some(_) if line.starts_with(b"\\.") => table = None,
            Some(name) => {
                all += 1;
                if let Some(count) = counts.get_mut(name) {
                    *count += 1;
                }
                if all.is_multiple_of(10_000) {
                    progress(all);
                }
            }
            None => {
                if let Some(name) = copied(&String::from_utf8_lossy(&line)) {
                    counts.insert(name.clone(), 0);
                    table = Some(name);
                }
            }
        }
    }
}

fn copied(line: &str) -> Option<String> {
    let named = line.strip_prefix("COPY ")?.trim_end().strip_suffix("FROM stdin;")?;
    let name = named.split(' ').next()?;
    Some(name.rsplit('.').next()?.trim_matches('"').to_owned())
}

/// Puts an archive in place of what the database holds: all of it, or nothing.
pub fn restore(server: &Server, file: &Path) -> Result<(), Failure> {
    let mut command = program("pg_restore", server);
    command.args(["--clean", "--if-exists", "--no-owner", "--no-privileges", "--no-password", "--single-transaction", "--exit-on-error"]);
    command.arg("--dbname").arg(&server.url).arg(file);
    finish(start(&mut command)?, "pg_restore")
}

/// Empties a database that a drill has filled.
pub async fn emptied(url: &str) -> Result<(), Failure> {
    let mut connection = PgConnection::connect(url).await.map_err(DbError::from)?;
    sqlx::raw_sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public;").execute(&mut connection).await.map_err(DbError::from)?;
    connection.close().await.map_err(DbError::from)?;
    Ok(())
}

fn program(name: impl AsRef<OsStr>, server: &Server) -> Command {
    let mut command = Command::new(name);
    if let Some(password) = &server.password {
        command.env("PGPASSWORD", password);
    }
    command
}

fn start(command: &mut Command) -> Result<Child, Failure> {
    let name = command.get_program().to_string_lossy().into_owned();
    command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().map_err(|error| match error.kind() {
        ErrorKind::NotFound => Failure::Setup(format!(
            "{name} is not on the PATH: it comes with PostgreSQL\u{2019}s client programs (Debian: postgresql-client)"
        )),
        _ => error.into(),
    })
}

fn finish(mut child: Child, name: &str) -> Result<(), Failure> {
    let mut said = String::new();
    if let Some(errors) = child.stderr.take() {
        // What it says is for a person; a part that cannot be read is no reason to fail.
        let _ = errors.take(1 << 16).read_to_string(&mut said);
    }
    let status = child.wait()?;
    if status.success() {
        return Ok(());
    }
    let why = said.lines().find(|line| line.contains("error:")).or_else(|| said.lines().next()).unwrap_or("it does not say why");
    Err(Failure::Setup(format!("{name} failed: {why}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_counted_table_by_table() {
        let text = "SET x = 1;\nCOPY public.person (id, name) FROM stdin;\n1\tAna\\nReyes\n2\tCOPY public.b (a) FROM stdin;\n\\.\n\n\
                    COPY public.\"setting\" (key) FROM stdin;\n\\.\n";
        let mut counts = BTreeMap::new();
        count(text.as_bytes(), &mut counts, &mut |_| ()).unwrap();
        assert_eq!(counts.into_iter().collect::<Vec<_>>(), [("person".to_owned(), 2), ("setting".to_owned(), 0)]);
    }
}
