//! The options of a TCP socket that carries a WebSocket.

use std::io;

use tokio::net::TcpStream;

/// Makes a socket send small messages at once, and take few that it cannot send yet: what it has taken
/// no newer value can replace, and nothing urgent can pass.
///
/// # Errors
/// The socket is gone, which the next read says too.
pub(crate) fn tune(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    #[cfg(any(target_os = "android", target_os = "linux"))]
    socket2::SockRef::from(stream).set_tcp_notsent_lowat(UNSENT_BYTES)?;
    Ok(())
}

/// Bytes that the kernel takes beyond those that are under way.
#[cfg(any(target_os = "android", target_os = "linux"))]
const UNSENT_BYTES: u32 = 16 * 1024;

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_socket_sends_at_once_and_takes_little_that_it_cannot_send() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stream = TcpStream::connect(address).await.unwrap();
        tune(&stream).unwrap();
        let unsent = socket2::SockRef::from(&stream).tcp_notsent_lowat();
        assert_eq!(
            (stream.nodelay().unwrap(), unsent.unwrap()),
            (true, UNSENT_BYTES)
        );
    }
}
