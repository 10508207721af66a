//! HTTP responses, and their parser.

use std::fmt;
use std::io::{self, Read};

/// Header fields in the order received, with names in lower case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers(Vec<(String, String)>);

impl Headers {
    /// Adds a field, even if there is another of the same name.
    pub fn push(&mut self, name: &str, value: &str) {
        self.0.push((name.to_ascii_lowercase(), value.to_owned()));
    }

    /// Adds a field unless there is one of the same name.
    pub fn push_default(&mut self, name: &str, value: &str) {
        if self.get(name).is_none() {
            self.push(name, value);
        }
    }

    /// Removes all fields of that name.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
    }

    /// The value of the first field of that name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// All fields, as names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl fmt::Display for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.iter().try_for_each(|(name, value)| write!(f, "{name}: {value}\r\n"))
    }
}

/// A response that was read to its end.
#[derive(Debug, Clone)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The header fields.
    pub headers: Headers,
    /// The body, without its transfer encoding.
    pub body: Vec<u8>,
}

impl Response {
    /// The value of the first header of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)
    }

    /// The body as text, with invalid UTF-8 replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// If it is not JSON: a test that expects JSON cannot go on.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| {
            panic!("the body is no JSON ({error}): status {} {:?}", self.status, self.text())
        })
    }
}

/// Reads one response. Bytes after it, such as the first frames after an upgrade, stay in `buffer`.
pub fn read_response(stream: &mut impl Read, buffer: &mut Vec<u8>, to_head: bool) -> io::Result<Response> {
    let head = loop {
        if let Some(end) = find(buffer, b"\r\n\r\n") {
            break buffer.drain(..end + 4).collect::<Vec<u8>>();
        }
        read_more(stream, buffer)?;
    };
    let (status, headers) = parse_head(&head)?;
    let body = if to_head || (100..200).contains(&status) || status == 204 || status == 304 {
        Vec::new()
    } else if headers.get("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
        read_chunks(stream, buffer)?
    } else if let Some(length) = headers.get("content-length") {
        let length = length.parse().map_err(|_| malformed(&format!("content-length {length:?}")))?;
        take(stream, buffer, length)?
    } else {
        stream.read_to_end(buffer)?;
        std::mem::take(buffer)
    };
    Ok(Response { status, headers, body })
}

fn parse_head(head: &[u8]) -> io::Result<(u16, Headers)> {
    let head = std::str::from_utf8(head).map_err(|_| malformed("a head that is not UTF-8"))?;
    let mut lines = head.trim_end().split("\r\n");
    let status_line = lines.next().unwrap_or_default();
    let status = status_line
        .strip_prefix("HTTP/1.1 ")
        .and_then(|rest| rest.get(..3))
        .and_then(|code| code.parse().ok())
        .ok_or_else(|| malformed(&format!("status line {status_line:?}")))?;
    let mut headers = Headers::default();
    for line in lines {
        let (name, value) =
            line.split_once(':').ok_or_else(|| malformed(&format!("header line {line:?}")))?;
        headers.push(name, value.trim());
    }
    Ok((status, headers))
}

fn read_chunks(stream: &mut impl Read, buffer: &mut Vec<u8>) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = take_line(stream, buffer)?;
        let digits = line.split(';').next().unwrap_or_default().trim();
        let length =
            usize::from_str_radix(digits, 16).map_err(|_| malformed(&format!("chunk length {line:?}")))?;
        if length == 0 {
            // Trailers end with an empty line; without trailers that line is all.
            while !take_line(stream, buffer)?.is_empty() {}
            return Ok(body);
        }
        body.extend(take(stream, buffer, length)?);
        if !take_line(stream, buffer)?.is_empty() {
            return Err(malformed("a chunk longer than announced"));
        }
    }
}

fn take_line(stream: &mut impl Read, buffer: &mut Vec<u8>) -> io::Result<String> {
    loop {
        if let Some(end) = find(buffer, b"\r\n") {
            let line: Vec<u8> = buffer.drain(..end + 2).take(end).collect();
            return String::from_utf8(line).map_err(|_| malformed("a line that is not UTF-8"));
        }
        read_more(stream, buffer)?;
    }
}

fn take(stream: &mut impl Read, buffer: &mut Vec<u8>, length: usize) -> io::Result<Vec<u8>> {
    while buffer.len() < length {
        read_more(stream, buffer)?;
    }
    Ok(buffer.drain(..length).collect())
}

fn read_more(stream: &mut impl Read, buffer: &mut Vec<u8>) -> io::Result<()> {
    let mut chunk = [0; 4096];
    match stream.read(&mut chunk) {
        Ok(0) => Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            format!("the connection ended within a response, behind {:?}", String::from_utf8_lossy(buffer)),
        )),
        Ok(length) => {
            buffer.extend_from_slice(&chunk[..length]);
            Ok(())
        }
        // A read with a timeout is not repeated by the system after a signal.
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
        Err(error) => Err(error),
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

fn malformed(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("malformed response: {what}"))
}

#[cfg(test)]
mod tests {
    use super::{Response, read_response};

    fn read(text: &str) -> (Response, Vec<u8>) {
        let mut buffer = Vec::new();
        let response = read_response(&mut text.as_bytes(), &mut buffer, false).expect("a response");
        (response, buffer)
    }

    #[test]
    fn a_body_ends_at_its_content_length() {
        let (response, rest) = read("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX: a:b\r\n\r\nokmore");
        assert_eq!((response.status, response.text().as_str()), (200, "ok"));
        assert_eq!(response.header("x"), Some("a:b"));
        assert_eq!(rest, b"more");
    }

    #[test]
    fn chunked_bodies_are_read() {
        let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n";
        assert_eq!(read(chunked).0.text(), "abc0123456789");
    }

    #[test]
    fn a_101_response_has_no_body() {
        let (response, rest) = read("HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\nframes");
        assert_eq!(response.status, 101);
        assert_eq!(rest, b"frames");
    }

    #[test]
    fn a_body_without_a_length_ends_with_the_connection() {
        assert_eq!(read("HTTP/1.1 200 OK\r\n\r\nall of it").0.text(), "all of it");
    }

    #[test]
    fn a_truncated_response_is_an_error() {
        for text in
            ["HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nab", "HTTP/2 200\r\n\r\n"]
        {
            assert!(read_response(&mut text.as_bytes(), &mut Vec::new(), false).is_err(), "{text:?}");
        }
    }
}
