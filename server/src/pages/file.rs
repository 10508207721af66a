//! A file of a page, and how it is answered.

use std::borrow::Cow;

use actix_web::{
    HttpMessage as _, HttpRequest, HttpResponse,
    http::{
        StatusCode,
        header::{
            AcceptEncoding, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETag, Encoding, EntityTag,
            IfNoneMatch, VARY,
        },
    },
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use rust_embed::{EmbeddedFile, RustEmbed};

use super::policy;

/// The folder whose files have a hash of their content in their names, so their content never
/// changes.
const HASHED: &str = "assets/";
/// The suffix of a file that is the compressed form of another.
const COMPRESSED: &str = ".gz";

/// A file, and its compressed form if the build made one.
#[derive(Debug)]
pub(super) struct File {
    content_type: String,
    cache: &'static str,
    plain: Form,
    gzip: Option<Form>,
}

/// The bytes of a file, and their entity tag.
#[derive(Debug)]
struct Form {
    bytes: Bytes,
    tag: EntityTag,
}

impl File {
    /// The file of that name, unless it is another one's compressed form.
    pub(super) fn embedded<E: RustEmbed>(name: &str) -> Option<Self> {
        if name.ends_with(COMPRESSED) {
            return None;
        }
        let file = E::get(name)?;
        let cache = if name.starts_with(HASHED) { "public, max-age=31536000, immutable" } else { "no-cache" };
        Some(Self {
            content_type: content_type(file.metadata.mimetype()),
            cache,
            plain: Form::from(file),
            gzip: E::get(&format!("{name}{COMPRESSED}")).map(Form::from),
        })
    }

    /// The answer to a GET or HEAD.
    pub(super) fn answer(&self, request: &HttpRequest) -> HttpResponse {
        let gzip = self.gzip.as_ref().filter(|_| accepts_gzip(request));
        let form = gzip.unwrap_or(&self.plain);
        let known = form.is_known_to(request);
        let mut answer = policy::answer(if known { StatusCode::NOT_MODIFIED } else { StatusCode::OK });
        answer.insert_header((CACHE_CONTROL, self.cache)).insert_header(ETag(form.tag.clone()));
        if self.gzip.is_some() {
            answer.insert_header((VARY, "accept-encoding"));
        }
        if known {
            return answer.finish();
        }
        if gzip.is_some() {
            answer.insert_header((CONTENT_ENCODING, "gzip"));
        }
        answer.insert_header((CONTENT_TYPE, self.content_type.as_str())).body(form.bytes.clone())
    }
}

impl Form {
    fn is_known_to(&self, request: &HttpRequest) -> bool {
        match request.get_header::<IfNoneMatch>() {
            Some(IfNoneMatch::Any) => true,
            Some(IfNoneMatch::Items(tags)) => tags.iter().any(|tag| tag.weak_eq(&self.tag)),
            None => false,
        }
    }
}

impl From<EmbeddedFile> for Form {
    fn from(file: EmbeddedFile) -> Self {
        let bytes = match file.data {
            Cow::Borrowed(bytes) => Bytes::from_static(bytes),
            Cow::Owned(bytes) => bytes.into(),
        };
        let hash = URL_SAFE_NO_PAD.encode(file.metadata.sha256_hash());
        Self { bytes, tag: EntityTag::new_strong(hash) }
    }
}

/// Texts are built as UTF-8.
fn content_type(mime: &str) -> String {
    if mime.starts_with("text/") { format!("{mime}; charset=utf-8") } else { mime.to_owned() }
}

fn accepts_gzip(request: &HttpRequest) -> bool {
    let chosen =
        |accepted: AcceptEncoding| accepted.negotiate([Encoding::gzip(), Encoding::identity()].iter());
    request.get_header().and_then(chosen) == Some(Encoding::gzip())
}
