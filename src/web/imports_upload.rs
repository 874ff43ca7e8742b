//! Reading an upload: the token first, then the fields, then the file, piece by piece into a temporary file. Memory stays flat.

use std::time::Duration;

use actix_multipart::{Multipart, MultipartError};
use actix_web::http::header;
use actix_web::{HttpRequest, web};
use futures_util::StreamExt;
use sha2::{Digest, Sha256};
use tokio::io::AsyncWriteExt;

use super::error::WebError;
use super::{csrf, form};
use crate::actions::imports::upload::Received;

/// The longest plain field.
const FIELD_MOST: usize = 4096;
/// What a form has besides its file, at most.
const BESIDES: u64 = 64 << 10;

/// What was sent.
#[derive(Default)]
pub struct Taken {
    /// The idempotency key.
    pub key: String,
    /// A source that is there already.
    pub source: String,
    /// The name of a new one.
    pub new_source: String,
    /// The file, where one was chosen.
    pub file: Option<Received>,
    /// The file was larger than allowed; nothing of it is kept.
    pub too_large: bool,
}

const BROKEN: WebError = WebError::Malformed("The form did not come whole.");
const NAMELESS: WebError = WebError::Malformed(
    "The name of the file holds characters that cannot be sent, such as a line break. Rename the file and choose it again.",
);

/// Reads the form. Nothing of the file is read before the token was found right. `still` is how long the body may stand still.
pub async fn read(req: &HttpRequest, body: web::Payload, most: u64, still: Duration) -> Result<Taken, WebError> {
    let stated = req.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()).and_then(|text| text.parse::<u64>().ok());
    let too_large = stated.is_some_and(|stated| stated > most + BESIDES);
    let mut parts = Multipart::new(req.headers(), body);
    let (mut taken, mut checked) = (Taken { too_large, ..Taken::default() }, false);
    loop {
        let next = tokio::time::timeout(still, parts.next()).await.map_err(|_| WebError::TooSlow)?;
        let Some(field) = next else { break };
        let mut field = field.map_err(|error| match error {
            // Only the file's part has a head that a person decides about: the name of the file stands in it.
            MultipartError::Parse(_) | MultipartError::ContentDispositionMissing if checked => NAMELESS,
            _ => BROKEN,
        })?;
        let name = field.name().unwrap_or_default().to_owned();
        if name == "csrf" && !checked {
            csrf::check(req, &text(&mut field, still).await?).await?;
            checked = true;
            continue;
        }
        if !checked {
            return Err(csrf::forged(req));
        }
        match name.as_str() {
            "key" => taken.key = text(&mut field, still).await?,
            "source" => taken.source = text(&mut field, still).await?,
            "new_source" => taken.new_source = text(&mut field, still).await?,
            "file" if taken.file.is_none() => {
                if too_large || !file(&mut field, most, still, &mut taken).await? {
                    taken.too_large = true;
                    break;
                }
            }
            _ => return Err(WebError::Malformed("A field of the form is missing, doubled or unknown. Go back and send it again.")),
        }
    }
    if !checked {
        return Err(csrf::forged(req));
    }
    if taken.key.is_empty() {
        return Err(BROKEN);
    }
    Ok(taken)
}

async fn text(field: &mut actix_multipart::Field, still: Duration) -> Result<String, WebError> {
    let bytes = tokio::time::timeout(still, field.bytes(FIELD_MOST)).await.map_err(|_| WebError::TooSlow)?;
    let bytes = bytes.map_err(|_| WebError::TooLarge)?.map_err(|_| BROKEN)?;
    if bytes.contains(&0) {
        return Err(form::NUL);
    }
    String::from_utf8(bytes.to_vec()).map_err(|_| WebError::Malformed("The form is not UTF-8."))
}

/// False where the file is larger than allowed.
async fn file(field: &mut actix_multipart::Field, most: u64, still: Duration, taken: &mut Taken) -> Result<bool, WebError> {
    let name = field.content_disposition().and_then(|disposition| disposition.get_filename()).unwrap_or_default().to_owned();
    let full = |error: std::io::Error| WebError::from(crate::store::failure::Failure::Io(error));
    let mut out = tokio::fs::File::from_std(tempfile::tempfile().map_err(full)?);
    let (mut hash, mut bytes) = (Sha256::new(), 0u64);
    loop {
        let next = tokio::time::timeout(still, field.next()).await.map_err(|_| WebError::TooSlow)?;
        let Some(part) = next else { break };
        let part = part.map_err(|_| BROKEN)?;
        bytes += part.len() as u64;
        if bytes > most {
            return Ok(false);
        }
        hash.update(&part);
        out.write_all(&part).await.map_err(full)?;
    }
    out.flush().await.map_err(full)?;
    // A form without a chosen file sends an empty part without a name.
    if !name.is_empty() || bytes > 0 {
        let file = out.into_std().await;
        taken.file = Some(Received { file, name, bytes: bytes as i64, sha256: hash.finalize().into() });
    }
    Ok(true)
}
