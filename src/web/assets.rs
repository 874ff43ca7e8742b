//! Style sheet, script, icons: embedded in the binary, addressed by their content, so that a browser fetches each once and a release
//! never mixes with the one before. One style sheet is made of the files in `static/css`.

use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::OnceLock;

use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use flate2::Compression;
use flate2::write::GzEncoder;
use rust_embed::RustEmbed;
use sha2::{Digest, Sha256};

/// The parts of the style sheet, in the order in which they are served.
const CSS: [&str; 7] = ["tokens", "reset", "base", "layout", "components", "pages", "print"];
/// Addresses carry their content's hash, so a copy never goes stale.
const FOREVER: &str = "public, max-age=31536000, immutable";

#[derive(RustEmbed)]
#[folder = "static/"]
struct Files;

/// Addresses of the assets, for the head of a page.
#[derive(Debug)]
pub struct Assets {
    /// The style sheet.
    pub css: String,
    /// The script; every page works without it.
    pub js: String,
    /// The sprite of line icons; used as `{icons}#name`.
    pub icons: String,
    /// The mark of the product.
    pub favicon: String,
    /// The program that checks the audit trail without the portal.
    pub verifier: String,
}

/// One file as it is served.
struct Asset {
    name: &'static str,
    kind: &'static str,
    hash: String,
    plain: web::Bytes,
    gzip: Option<web::Bytes>,
}

impl Asset {
    fn new(name: &'static str, kind: &'static str, content: Vec<u8>) -> Self {
        let mut hash = String::with_capacity(16);
        for byte in Sha256::digest(&content).iter().take(8) {
            // Writing to a String cannot fail.
            let _ = write!(hash, "{byte:02x}");
        }
        let gzip = gzip(&content).filter(|packed| packed.len() < content.len()).map(web::Bytes::from);
        Self { name, kind, hash, plain: content.into(), gzip }
    }

    fn address(&self) -> String {
        format!("/a/{}/{}", self.hash, self.name)
    }
}

fn all() -> &'static [Asset; 5] {
    static ALL: OnceLock<[Asset; 5]> = OnceLock::new();
    ALL.get_or_init(|| {
        [
            Asset::new("app.css", "text/css; charset=utf-8", style_sheet().into_bytes()),
            Asset::new("portal.js", "text/javascript; charset=utf-8", file("js/portal.js")),
            Asset::new("icons.svg", "image/svg+xml; charset=utf-8", file("icons.svg")),
            Asset::new("favicon.svg", "image/svg+xml; charset=utf-8", file("favicon.svg")),
            Asset::new("counterfoil_verify.py", "text/x-python; charset=utf-8", file("counterfoil_verify.py")),
        ]
    })
}

/// The addresses that pages link to. Made at first use, the same for the life of the process.
pub fn assets() -> &'static Assets {
    static ADDRESSES: OnceLock<Assets> = OnceLock::new();
    ADDRESSES.get_or_init(|| {
        let [css, js, icons, favicon, verifier] = all();
        Assets { css: css.address(), js: js.address(), icons: icons.address(), favicon: favicon.address(), verifier: verifier.address() }
    })
}

/// `GET /a/{hash}/{name}`: an asset by its address, compressed if the client takes that; 404 for anything else.
pub async fn serve(req: HttpRequest, path: web::Path<(String, String)>) -> HttpResponse {
    let (hash, name) = path.into_inner();
    let Some(asset) = all().iter().find(|asset| asset.name == name && asset.hash == hash) else {
        return HttpResponse::NotFound().insert_header((header::CACHE_CONTROL, "no-store")).finish();
    };
    let mut answer = HttpResponse::Ok();
    answer
        .content_type(asset.kind)
        .insert_header((header::CACHE_CONTROL, FOREVER))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((header::VARY, "Accept-Encoding"));
    match &asset.gzip {
        Some(packed) if takes_gzip(req.headers().get(header::ACCEPT_ENCODING)) => {
            answer.insert_header((header::CONTENT_ENCODING, "gzip")).body(packed.clone())
        }
        _ => answer.body(asset.plain.clone()),
    }
}

/// `GET /signed-out.css`: linked by the page that follows sign-out. Its response clears the browser's cache, the back/forward cache
/// included; the same header on the sign-out redirect comes too early, since the page being left is stored only afterwards.
pub async fn signed_out() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/css; charset=utf-8")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((HeaderName::from_static("clear-site-data"), "\"cache\""))
        .body("/* Signed out: the browser forgets the pages it kept. */\n")
}

fn file(path: &str) -> Vec<u8> {
    // A name that is not in the folder is found by the test below, not by a visitor.
    Files::get(path).map(|file| file.data.into_owned()).unwrap_or_default()
}

/// The parts in order, without their comments and the space that only people need.
fn style_sheet() -> String {
    let mut out = String::new();
    for part in CSS {
        let text = String::from_utf8_lossy(&file(&format!("css/{part}.css"))).into_owned();
        let mut rest = text.as_str();
        let mut bare = String::with_capacity(rest.len());
        while let Some((before, after)) = rest.split_once("/*") {
            bare.push_str(before);
            rest = after.split_once("*/").map_or("", |(_, after)| after);
        }
        bare.push_str(rest);
        for line in bare.lines().map(str::trim).filter(|line| !line.is_empty()) {
            out.push_str(line);
            if !line.ends_with(['{', '}', ';', ',']) {
                out.push('\n');
            }
        }
    }
    [(" {", "{"), ("{ ", "{"), ("; }", ";}"), (";}", "}")].into_iter().fold(out, |text, (from, to)| text.replace(from, to))
}

fn gzip(content: &[u8]) -> Option<Vec<u8>> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::best());
    packer.write_all(content).ok()?;
    packer.finish().ok()
}

fn takes_gzip(accept: Option<&HeaderValue>) -> bool {
    let Some(text) = accept.and_then(|value| value.to_str().ok()) else {
        return false;
    };
    text.split(',').any(|item| {
        let (name, weight) = item.split_once(';').unwrap_or((item, ""));
        let refused = weight.trim().strip_prefix("q=").is_some_and(|q| q.trim().parse::<f32>() == Ok(0.0));
        matches!(name.trim(), "gzip" | "*") && !refused
    })
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    async fn get(address: &str, accept: &str) -> HttpResponse {
        let mut parts = address.trim_start_matches("/a/").splitn(2, '/').map(str::to_owned);
        let path = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let req = TestRequest::default().insert_header((header::ACCEPT_ENCODING, accept)).to_http_request();
        serve(req, path.into()).await
    }

    #[test]
    fn assets_are_whole_and_within_their_budget() {
        let size = |at: usize| all()[at].gzip.as_ref().map_or(0, web::Bytes::len);
        assert!(all().iter().all(|asset| asset.plain.len() > 300), "an embedded file is missing");
        assert!((1_000..=8_192).contains(&size(0)), "style sheet: {} bytes", size(0));
        assert!((500..=6_144).contains(&size(1)), "script: {} bytes", size(1));
        let css = style_sheet();
        assert!(css.starts_with("@layer reset, tokens, base, layout, components, utilities;"), "{}", &css[..80]);
        assert_eq!(css.matches('{').count(), css.matches('}').count());
    }

    #[actix_web::test]
    async fn an_address_answers_for_ever_and_nothing_else_does() {
        let css = get(&assets().css, "br, gzip").await;
        assert_eq!(css.status(), 200);
        assert_eq!(css.headers().get(header::CONTENT_ENCODING).map(HeaderValue::as_bytes), Some(b"gzip".as_slice()));
        assert_eq!(css.headers().get(header::CACHE_CONTROL).map(HeaderValue::as_bytes), Some(FOREVER.as_bytes()));
        assert!(get(&assets().css, "gzip;q=0").await.headers().get(header::CONTENT_ENCODING).is_none());
        for wrong in ["/a/0000000000000000/app.css", "/a/x/../../Cargo.toml", &assets().css.replace("app.css", "portal.js")] {
            assert_eq!(get(wrong, "gzip").await.status(), 404, "{wrong}");
        }
        assert_eq!(signed_out().await.headers().get("clear-site-data").map(HeaderValue::as_bytes), Some(b"\"cache\"".as_slice()));
    }
}
