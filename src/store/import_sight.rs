//! Who sees the page of an import, and how much of it.

use super::db::{Engine, Reader, Sql};
use super::failure::DbError;
use super::imports::{self, ImportRow};
use crate::domain::access::Scope;
use crate::domain::id::{ImportId, RegionId, UserId};

/// An import that somebody sees, and whether she sees all of it: her own, or one of which every region lies in her scope. Of any other that
/// is done and touched a region of hers she sees what it did there.
pub async fn find(
    reader: &mut impl Reader,
    scope: &Scope,
    person: Option<UserId>,
    id: ImportId,
) -> Result<Option<(ImportRow, bool)>, DbError> {
    if let Some(row) = imports::find(reader, scope, person, id).await? {
        return Ok(Some((row, true)));
    }
    let mut sql = Sql::default();
    sql.push("SELECT ").push(imports::COLUMNS).push(" FROM ");
    part(&mut sql, reader.engine(), [id]);
    sql.push(imports::NAMES).push(" WHERE i.state = 'done' AND i.id = ").push_bind(id);
    sql.push(" AND EXISTS (SELECT 1 FROM import_region r WHERE r.import_id = i.id AND r.region_id IN (")
        .push_list(scope.regions())
        .push("))");
    Ok(reader.one::<ImportRow>(sql).await?.map(|row| (masked(row), false)))
}

/// What stands in the file is for those who see all of it, and so is what it is called. PostgreSQL does the same before (migration 0110).
fn masked(row: ImportRow) -> ImportRow {
    ImportRow { file_name: format!("Import {}", row.id.short()), file_bytes: 0, file_sha256: None, failure: String::new(), ..row }
}

/// Appends the runs with these ids, as `i`. Of those that somebody sees in part PostgreSQL gives the part.
fn part(sql: &mut Sql, engine: Engine, ids: impl IntoIterator<Item = ImportId>) {
    match engine {
        Engine::Sqlite => sql.push("import_run i"),
        Engine::Postgres => sql.push("wall_imports(ARRAY[").push_list(ids).push("]::uuid[], NULL) i"),
    };
}

/// The regions in scope that an import touched.
pub async fn regions(reader: &mut impl Reader, scope: &Scope, id: ImportId) -> Result<Vec<RegionId>, DbError> {
    let mut sql = Sql::new("SELECT region_id FROM import_region WHERE import_id = ");
    sql.push_bind(id).push(" AND region_id IN (").push_list(scope.regions()).push(") ORDER BY region_id");
    Ok(reader.all::<(RegionId,)>(sql).await?.into_iter().map(|(id,)| id).collect())
}

/// Those of these imports whose pages [`find`] opens for her.
pub async fn seen(reader: &mut impl Reader, scope: &Scope, person: UserId, ids: &[ImportId]) -> Result<Vec<ImportId>, DbError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut sql = Sql::new("SELECT i.id FROM ");
    part(&mut sql, reader.engine(), ids.iter().copied());
    sql.push(" WHERE i.id IN (").push_list(ids.iter().copied()).push(")");
    if !scope.is_whole() {
        sql.push(" AND (i.person_id = ").push_bind(person);
        if scope.regions().len() > 0 {
            sql.push(" OR (i.state = 'done' AND EXISTS (SELECT 1 FROM import_region r WHERE r.import_id = i.id AND r.region_id IN (");
            sql.push_list(scope.regions()).push(")))");
        }
        sql.push(")");
    }
    Ok(reader.all::<(ImportId,)>(sql).await?.into_iter().map(|(id,)| id).collect())
}
