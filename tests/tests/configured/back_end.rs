//! A team's back end: it answers the auth hook, and serves keys.

use std::{
    fs,
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    sync::{Arc, Mutex},
    thread,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::hmac;
use serde_json::{Value, json};

/// The secret that the server signs its questions with.
const SECRET: [u8; 32] = [7; 32];

/// A question, as it came.
pub(crate) struct Asked {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

/// What a back end does with a request.
#[derive(Clone)]
pub(crate) enum Does {
    /// Answers a question with this, or a request for keys with them.
    Answer(Arc<dyn Fn(&Value) -> Value + Send + Sync>),
    /// Sends these bytes, whatever is asked.
    Send(Vec<u8>),
    /// Never answers.
    Nothing,
}

/// A back end that listens, until the test ends.
#[derive(Clone)]
pub(crate) struct BackEnd {
    pub(crate) address: SocketAddr,
    does: Arc<Mutex<Does>>,
    asked: Arc<Mutex<Vec<Asked>>>,
    open: Arc<Mutex<Vec<TcpStream>>>,
}

impl BackEnd {
    /// A back end that answers with `decide`.
    pub(crate) fn new(decide: impl Fn(&Value) -> Value + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let does = Arc::new(Mutex::new(Does::Answer(Arc::new(decide))));
        let back_end = Self { address, does, asked: Arc::default(), open: Arc::default() };
        let serving = back_end.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let serving = serving.clone();
                // A connection that breaks is the server's to notice.
                thread::spawn(move || serving.serve(stream));
            }
        });
        back_end
    }

    /// What it does from now on.
    pub(crate) fn now(&self, does: Does) {
        *self.does.lock().expect("a lock") = does;
    }

    /// Answers with `decide` from now on.
    pub(crate) fn decides(&self, decide: impl Fn(&Value) -> Value + Send + Sync + 'static) {
        self.now(Does::Answer(Arc::new(decide)));
    }

    /// Fails from now on.
    pub(crate) fn fails(&self) {
        self.now(Does::Send(b"HTTP/1.1 500 Oops\r\nconnection: close\r\ncontent-length: 0\r\n\r\n".to_vec()));
    }

    /// What it was asked since the last time.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.asked.lock().expect("a lock"))
    }

    /// The settings of a server that asks it, with a file of the secret in this folder.
    pub(crate) fn settings(&self, folder: &Path) -> String {
        let file = folder.join("hook-secret");
        fs::write(&file, format!("whsec_{}\n", STANDARD.encode(SECRET))).expect("a file");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("a mode");
        let (address, file) = (self.address, file.display());
        format!(
            "auth_hook = \"http://{address}/hook\"\nauth_hook_secret = \"{file}\"\nauth_hook_timeout = \"300ms\"\n"
        )
    }

    fn serve(&self, mut stream: TcpStream) -> io::Result<()> {
        let asked = read(&mut stream)?;
        let question = serde_json::from_slice(&asked.body).unwrap_or(Value::Null);
        self.asked.lock().expect("a lock").push(asked);
        let does = self.does.lock().expect("a lock").clone();
        match does {
            Does::Answer(decide) => {
                let body = decide(&question).to_string();
                let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close";
                write!(stream, "{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len())
            }
            Does::Send(bytes) => stream.write_all(&bytes),
            Does::Nothing => {
                self.open.lock().expect("a lock").push(stream);
                Ok(())
            }
        }
    }
}

impl Asked {
    /// What is asked.
    pub(crate) fn question(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    /// A header.
    pub(crate) fn header(&self, name: &str) -> &str {
        let found = self.head.lines().find_map(|line| {
            let (own, value) = line.split_once(": ")?;
            own.eq_ignore_ascii_case(name).then_some(value)
        });
        found.unwrap_or_else(|| panic!("no {name} in {}", self.head))
    }

    /// Whether the server has signed it, checked as Standard Webhooks says.
    pub(crate) fn is_signed(&self) -> bool {
        let (id, time) = (self.header("webhook-id"), self.header("webhook-timestamp"));
        let signed = [format!("{id}.{time}.").as_bytes(), &self.body].concat();
        let signature = self.header("webhook-signature").strip_prefix("v1,").expect("a version");
        let signature = STANDARD.decode(signature).expect("base64");
        hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, &SECRET), &signed, &signature).is_ok()
    }
}

/// Reads a request.
fn read(stream: &mut TcpStream) -> io::Result<Asked> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        more(stream, &mut bytes)?;
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut asked = Asked { head, body: bytes.split_off(end) };
    let has_body = asked.head.starts_with("POST");
    let length = if has_body { asked.header("content-length").parse().expect("a number") } else { 0 };
    while asked.body.len() < length {
        more(stream, &mut asked.body)?;
    }
    Ok(asked)
}

fn more(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> io::Result<()> {
    let mut some = [0; 4096];
    match stream.read(&mut some)? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        read => {
            bytes.extend_from_slice(&some[..read]);
            Ok(())
        }
    }
}

/// Lets everybody in, with the account that the token names.
pub(crate) fn friendly(question: &Value) -> Value {
    json!({ "allow": true, "account": question["token"] })
}
