//! The vault in a bucket, on a server that speaks as much of S3 as is asked of it

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use futures_util::TryStreamExt;
use sekisho_ledger::vault::{GetError, PutError, S3};
use sekisho_ledger::{Digest, Vault};
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::books::runtime;

/// What a bucket holds: bytes by their path.
type Objects = Arc<Mutex<BTreeMap<String, Vec<u8>>>>;

#[test]
fn a_bucket_keeps_what_a_folder_keeps() {
    runtime().block_on(async {
        let (objects, address) = serve().await;
        let vault = Vault::on_s3(&bucket(address)).unwrap();
        let missing = Digest::of(b"none");
        assert!(matches!(vault.get(&missing).await, Err(GetError::Missing(digest)) if digest == missing));
        let digest = vault.put("Evidence").await.unwrap();
        let path = format!("/evidence/a/b/{}/{digest}.zst", &digest.to_string()[..2]);
        assert_eq!(objects.lock().unwrap().keys().collect::<Vec<_>>(), [&path]);
        assert_eq!(vault.get(&digest).await.unwrap(), b"Evidence");
        assert_eq!(vault.put("Evidence").await.unwrap(), digest);
        objects.lock().unwrap().insert(path.clone(), b"damaged".to_vec());
        assert!(matches!(vault.get(&digest).await, Err(GetError::Corrupt(_))));
        assert_eq!(vault.put("Evidence").await.unwrap(), digest);
        assert_eq!(vault.get(&digest).await.unwrap(), b"Evidence");
        let size = objects.lock().unwrap()[&path].len() as u64;
        assert_eq!(vault.list().try_collect::<Vec<_>>().await.unwrap(), [(digest, size)]);
        vault.remove(&digest).await.unwrap();
        vault.remove(&digest).await.unwrap();
        assert!(objects.lock().unwrap().is_empty());
    });
}

#[test]
fn a_bucket_that_is_away_is_not_available() {
    runtime().block_on(async {
        let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let vault = Vault::on_s3(&bucket(nobody)).unwrap();
        let refused = vault.put("Evidence").await;
        assert!(matches!(refused, Err(PutError::Unavailable(_))), "{refused:?}");
        assert!(!format!("{refused:?} {:?}", bucket(nobody)).contains("top secret"));
        let refused = vault.get(&Digest::of(b"Evidence")).await;
        assert!(matches!(refused, Err(GetError::Unavailable(_))), "{refused:?}");
    });
}

/// Returns how to reach the bucket `evidence` at an address.
fn bucket(address: SocketAddr) -> S3 {
    S3 {
        bucket: "evidence".to_owned(),
        prefix: "a/b".to_owned(),
        region: "eu-central-1".to_owned(),
        endpoint: Some(format!("http://{address}")),
        credentials: Some(("id".to_owned(), "top secret".to_owned())),
    }
}

/// Starts the server; it ends with the runtime.
async fn serve() -> (Objects, SocketAddr) {
    let objects = Objects::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, shared) = (listener.local_addr().unwrap(), objects.clone());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(converse(stream, shared.clone()));
        }
    });
    (objects, address)
}

/// Answers requests until the client goes.
async fn converse(stream: TcpStream, objects: Objects) {
    let mut stream = BufReader::new(stream);
    while let Some((head, body)) = request(&mut stream).await {
        let mut words = head.split(' ');
        let (method, target) = (words.next().unwrap(), words.next().unwrap());
        assert!(head.contains("\r\nauthorization: AWS4-HMAC-SHA256 Credential=id/"), "{head}");
        let (status, said) = answer(method, target, body, &objects);
        let empty = method == "HEAD";
        let mut reply = format!(
            "HTTP/1.1 {status} X\r\nContent-Length: {}\r\nETag: \"1\"\r\nLast-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n",
            said.len()
        )
        .into_bytes();
        reply.extend_from_slice(if empty { b"" } else { &said });
        stream.get_mut().write_all(&reply).await.unwrap();
    }
}

/// Returns the status and body of an answer.
fn answer(method: &str, target: &str, body: Vec<u8>, objects: &Objects) -> (u16, Vec<u8>) {
    let mut objects = objects.lock().unwrap();
    match (method, target.split_once('?')) {
        ("GET", Some((_, query))) => {
            assert!(query.contains("list-type=2"), "{query}");
            (200, listing(&objects))
        }
        ("GET" | "HEAD", None) => objects.get(target).map_or((404, Vec::new()), |bytes| (200, bytes.clone())),
        ("PUT", None) => {
            objects.insert(target.to_owned(), body);
            (200, Vec::new())
        }
        ("DELETE", None) => {
            objects.remove(target);
            (204, Vec::new())
        }
        other => panic!("nobody asked for {other:?}"),
    }
}

/// Returns what ListObjectsV2 says.
fn listing(objects: &BTreeMap<String, Vec<u8>>) -> Vec<u8> {
    let mut text = "<ListBucketResult>".to_owned();
    for (path, bytes) in objects {
        let key = path.strip_prefix("/evidence/").unwrap();
        let _ = write!(
            text,
            "<Contents><Key>{key}</Key><LastModified>1994-11-06T08:49:37.000Z</LastModified><Size>{}</Size></Contents>",
            bytes.len()
        );
    }
    text.push_str("</ListBucketResult>");
    text.into_bytes()
}

/// Reads a request: its head, and its body.
async fn request(stream: &mut BufReader<TcpStream>) -> Option<(String, Vec<u8>)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    stream.read_exact(&mut body).await.ok()?;
    Some((head, body))
}
