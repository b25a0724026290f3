//! The bridge: a store of `object_store` 0.14, as DataFusion reads it through 0.13
//!
//! 0.14 syncs what it writes into a folder, and its S3 part stands on aws-lc-rs; 0.13 does neither. Only reading crosses
//! the bridge. It goes when DataFusion moves to 0.14.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use datafusion::object_store as old;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt, stream};
use object_store as new;

/// A store that can be read.
#[derive(Debug)]
pub(crate) struct Bridge(pub(crate) Arc<dyn new::ObjectStore>);

impl fmt::Display for Bridge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bridge to {}", self.0)
    }
}

#[async_trait::async_trait]
impl old::ObjectStore for Bridge {
    async fn get_opts(&self, location: &old::path::Path, options: old::GetOptions) -> old::Result<old::GetResult> {
        let got = self.0.get_opts(&new_path(location)?, new_options(options)).await.map_err(old_error)?;
        let payload = match got.payload {
            new::GetResultPayload::File(file, path) => old::GetResultPayload::File(file, path),
            new::GetResultPayload::Stream(stream) => old::GetResultPayload::Stream(stream.map_err(old_error).boxed()),
        };
        let attributes = old::Attributes::default();
        Ok(old::GetResult { payload, meta: old_meta(got.meta)?, range: got.range, attributes })
    }

    async fn get_ranges(&self, location: &old::path::Path, ranges: &[Range<u64>]) -> old::Result<Vec<bytes::Bytes>> {
        self.0.get_ranges(&new_path(location)?, ranges).await.map_err(old_error)
    }

    fn list(&self, prefix: Option<&old::path::Path>) -> BoxStream<'static, old::Result<old::ObjectMeta>> {
        match prefix.map(new_path).transpose() {
            Ok(prefix) => {
                let list = self.0.list(prefix.as_ref());
                list.map(|meta| old_meta(meta.map_err(old_error)?)).boxed()
            }
            Err(error) => stream::iter([Err(error)]).boxed(),
        }
    }

    async fn list_with_delimiter(&self, prefix: Option<&old::path::Path>) -> old::Result<old::ListResult> {
        let prefix = prefix.map(new_path).transpose()?;
        let list = self.0.list_with_delimiter(prefix.as_ref()).await.map_err(old_error)?;
        Ok(old::ListResult {
            common_prefixes: list.common_prefixes.iter().map(old_path).collect::<Result<_, _>>()?,
            objects: list.objects.into_iter().map(old_meta).collect::<Result<_, _>>()?,
        })
    }

    async fn put_opts(
        &self,
        _: &old::path::Path,
        _: old::PutPayload,
        _: old::PutOptions,
    ) -> old::Result<old::PutResult> {
        Err(reading_only())
    }

    async fn put_multipart_opts(
        &self,
        _: &old::path::Path,
        _: old::PutMultipartOptions,
    ) -> old::Result<Box<dyn old::MultipartUpload>> {
        Err(reading_only())
    }

    fn delete_stream(
        &self,
        _: BoxStream<'static, old::Result<old::path::Path>>,
    ) -> BoxStream<'static, old::Result<old::path::Path>> {
        stream::iter([Err(reading_only())]).boxed()
    }

    async fn copy_opts(&self, _: &old::path::Path, _: &old::path::Path, _: old::CopyOptions) -> old::Result<()> {
        Err(reading_only())
    }
}

/// Returns the error of whoever would write.
fn reading_only() -> old::Error {
    old::Error::NotSupported { source: "the engine only reads".into() }
}

/// Returns a path as 0.14 has it.
fn new_path(path: &old::path::Path) -> old::Result<new::path::Path> {
    new::path::Path::parse(path.as_ref()).map_err(|error| old::Error::Generic { store: "bridge", source: error.into() })
}

/// Returns a path as 0.13 has it.
pub(crate) fn old_path(path: &new::path::Path) -> old::Result<old::path::Path> {
    Ok(old::path::Path::parse(path.as_ref())?)
}

/// Returns what is known of a file as 0.13 has it.
pub(crate) fn old_meta(meta: new::ObjectMeta) -> old::Result<old::ObjectMeta> {
    Ok(old::ObjectMeta {
        location: old_path(&meta.location)?,
        last_modified: meta.last_modified,
        size: meta.size,
        e_tag: meta.e_tag,
        version: meta.version,
    })
}

/// Returns what is wanted of a file as 0.14 has it.
fn new_options(options: old::GetOptions) -> new::GetOptions {
    let range = options.range.map(|range| match range {
        old::GetRange::Bounded(range) => new::GetRange::Bounded(range),
        old::GetRange::Offset(from) => new::GetRange::Offset(from),
        old::GetRange::Suffix(length) => new::GetRange::Suffix(length),
    });
    new::GetOptions {
        if_match: options.if_match,
        if_none_match: options.if_none_match,
        if_modified_since: options.if_modified_since,
        if_unmodified_since: options.if_unmodified_since,
        range,
        version: options.version,
        head: options.head,
        extensions: new::Extensions::default(),
    }
}

/// Returns an error as 0.13 has it.
fn old_error(error: new::Error) -> old::Error {
    match error {
        new::Error::NotFound { path, source } => old::Error::NotFound { path, source },
        new::Error::PermissionDenied { path, source } => old::Error::PermissionDenied { path, source },
        new::Error::Unauthenticated { path, source } => old::Error::Unauthenticated { path, source },
        new::Error::Precondition { path, source } => old::Error::Precondition { path, source },
        new::Error::NotModified { path, source } => old::Error::NotModified { path, source },
        other => old::Error::Generic { store: "bridge", source: Box::new(other) },
    }
}
