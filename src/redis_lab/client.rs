//! As much of Redis's protocol as the lab needs: one command, one reply, over any stream.

use std::fmt;
use std::io::{BufRead, BufReader, Error, ErrorKind, Read, Result, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// What a server answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// `+OK`.
    Status(String),
    /// `-ERR …`, with its first word.
    Error(String),
    /// A number.
    Integer(i64),
    /// A string of bytes.
    Bulk(Vec<u8>),
    /// No value.
    Nil,
    /// Several.
    Array(Vec<Reply>),
}

impl Reply {
    /// A value as text.
    #[must_use]
    pub fn bulk(text: &str) -> Self {
        Self::Bulk(text.as_bytes().to_vec())
    }

    /// A status.
    #[must_use]
    pub fn status(text: &str) -> Self {
        Self::Status(text.to_owned())
    }
}

/// As a person reads it.
impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(text) | Self::Error(text) => f.write_str(text),
            Self::Integer(number) => write!(f, "{number}"),
            Self::Bulk(bytes) => f.write_str(&String::from_utf8_lossy(bytes)),
            Self::Nil => f.write_str("(nil)"),
            Self::Array(replies) => replies.iter().try_for_each(|reply| writeln!(f, "{reply}")),
        }
    }
}

trait Stream: Read + Write + Send {}
impl<S: Read + Write + Send> Stream for S {}

/// One connection to a server.
pub struct Client(BufReader<Box<dyn Stream>>);

impl Client {
    /// Connects over TCP, and waits no longer than `patience` for this and for each answer.
    ///
    /// # Errors
    /// When nobody takes the connection in time.
    pub fn connect(address: SocketAddr, patience: Duration) -> Result<Self> {
        let stream = TcpStream::connect_timeout(&address, patience)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(patience))?;
        stream.set_write_timeout(Some(patience))?;
        Ok(Self(BufReader::new(Box::new(stream))))
    }

    /// Connects to the socket in a server's folder.
    pub(super) fn connect_local(socket: &Path, patience: Duration) -> Result<Self> {
        let stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(patience))?;
        stream.set_write_timeout(Some(patience))?;
        Ok(Self(BufReader::new(Box::new(stream))))
    }

    /// Sends a command and reads its reply; that the server refuses it is a reply as well.
    ///
    /// # Errors
    /// When the connection ends or the answer takes too long: then whether the command was done is not known, and the
    /// connection is of no more use.
    pub fn command<W: AsRef<[u8]>>(&mut self, words: &[W]) -> Result<Reply> {
        self.send(words)?;
        self.receive()
    }

    /// Sends a command.
    ///
    /// # Errors
    /// When the connection has ended.
    pub fn send<W: AsRef<[u8]>>(&mut self, words: &[W]) -> Result<()> {
        let mut request = format!("*{}\r\n", words.len()).into_bytes();
        for word in words.iter().map(AsRef::as_ref) {
            request.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
            request.extend_from_slice(word);
            request.extend_from_slice(b"\r\n");
        }
        self.0.get_mut().write_all(&request)
    }

    /// Reads the reply to a command that was sent.
    ///
    /// # Errors
    /// As [`Client::command`].
    pub fn receive(&mut self) -> Result<Reply> {
        let line = self.line()?;
        let (kind, rest) = line.split_at_checked(1).ok_or_else(|| malformed(&line))?;
        match kind {
            "+" => Ok(Reply::Status(rest.to_owned())),
            "-" => Ok(Reply::Error(rest.to_owned())),
            ":" => number(rest).map(Reply::Integer),
            "$" => length(rest)?.map_or(Ok(Reply::Nil), |bytes| self.bulk(bytes)),
            "*" => length(rest)?.map_or(Ok(Reply::Nil), |replies| self.array(replies)),
            _ => Err(malformed(&line)),
        }
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        self.0.read_line(&mut line)?;
        let whole = line.strip_suffix("\r\n");
        whole
            .map(str::to_owned)
            .ok_or_else(|| Error::new(ErrorKind::UnexpectedEof, "the server closed the connection"))
    }

    fn bulk(&mut self, bytes: usize) -> Result<Reply> {
        let mut text = vec![0; bytes + 2];
        self.0.read_exact(&mut text)?;
        text.truncate(bytes);
        Ok(Reply::Bulk(text))
    }

    fn array(&mut self, replies: usize) -> Result<Reply> {
        (0..replies).map(|_| self.receive()).collect::<Result<_>>().map(Reply::Array)
    }
}

fn number(text: &str) -> Result<i64> {
    text.parse().map_err(|_| malformed(text))
}

/// `None` for -1, which is no value.
fn length(text: &str) -> Result<Option<usize>> {
    number(text).map(|length| usize::try_from(length).ok())
}

fn malformed(line: &str) -> Error {
    Error::new(ErrorKind::InvalidData, format!("not a reply: {line:?}"))
}
