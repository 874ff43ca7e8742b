//! The file of refused rows: the original columns, and beside them line, code, field and words.

use actix_web::http::header::{self, Charset, ContentDisposition, DispositionParam, DispositionType, ExtendedValue};
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::Portal;
use super::error::WebError;
use super::guard::{Allowed, RunImports, Signed};
use super::imports::{find, is_own};
use crate::actions::imports::refused::{Parts, Shown};
use crate::actions::imports::setup::Setup;
use crate::domain::access::Permission;
use crate::domain::import::Mapping;
use crate::domain::refusal::Refusal;
use crate::store::failure::DbError;

/// `GET /imports/{id}/refused.csv`: for whoever uploaded the file, and for those who see the whole organisation: a refused row may hold
/// what belongs to a region that nobody else of its readers may see.
pub async fn file(
    req: HttpRequest,
    portal: web::Data<Portal>,
    who: Allowed<RunImports>,
    path: web::Path<String>,
) -> Result<HttpResponse, WebError> {
    if req.headers().contains_key("sec-purpose") {
        return Err(WebError::Busy);
    }
    let row = find(&portal, &who, &path).await?;
    if !is_own(&row, &who) && !who.reach().is_whole() || !matches!(row.state.as_str(), "checked" | "done") {
        return Err(Refusal::NotFound.into());
    }
    let setup = Setup::read(&row.mapping).unwrap_or_default();
    let mut parts = Parts::new(&portal.within(&who), row.id, &setup.headers, shown(&who, setup.mapping));
    let (send, receive) = mpsc::channel::<Result<Bytes, DbError>>(2);
    tokio::spawn(async move {
        loop {
            let part = match parts.next().await {
                Ok(Some(part)) => Ok(Bytes::from(part)),
                Ok(None) => return,
                Err(error) => Err(error),
            };
            let failed = part.is_err();
            // A reader that has gone wants no more; one that hears of the fault knows that the file is not whole.
            if send.send(part).await.is_err() || failed {
                return;
            }
        }
    });
    Ok(HttpResponse::Ok()
        .content_type("text/csv; charset=utf-8")
        .insert_header(ContentDisposition { disposition: DispositionType::Attachment, parameters: names(&row.file_name) })
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .streaming(ReceiverStream::new(receive)))
}

/// What somebody is shown of refused rows. Of such a row nobody knows in which region it belongs: names are for whoever sees them wherever she
/// imports.
pub(super) fn shown(who: &Signed, mapping: Mapping) -> Shown {
    let (named, imports) = (who.scope(Permission::RecipientsRead), who.scope(Permission::ImportsRun));
    if imports.regions().all(|region| named.covers(region)) { Shown::Everything } else { Shown::WithoutNames(mapping.columns) }
}

/// The name of the file: plain for every browser, and as it is for those that read RFC 8187.
fn names(file: &str) -> Vec<DispositionParam> {
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    let name = format!("{stem}_refused.csv");
    let plain: String = name.chars().map(|c| if c.is_ascii_alphanumeric() || "-_. ".contains(c) { c } else { '_' }).collect();
    let extended = ExtendedValue { charset: Charset::Ext("UTF-8".to_owned()), language_tag: None, value: name.clone().into_bytes() };
    let mut names = vec![DispositionParam::Filename(plain.clone())];
    if plain != name {
        names.push(DispositionParam::FilenameExt(extended));
    }
    names
}
