//! An HTTP server that stands in for a provider: responds with a function, records requests, and fails on demand.
//!
//! HTTP/1.1 is implemented by hand, because a server library would not allow half of the failures.

mod echo;
mod failure;
mod message;
#[cfg(test)]
mod tests;

use std::{
    collections::VecDeque,
    fmt, io,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::BytesMut;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::{AbortHandle, JoinSet},
};

pub use self::{
    echo::{echo_request, encodings},
    failure::Failure,
    message::{ReceivedRequest, StandInResponse},
};

/// Maximum number of recorded requests. Older ones are dropped, so that a load test does not fill the memory.
const REMEMBERED: usize = 10_000;

/// A running server. Dropping it closes all its sockets.
pub struct StandInServer {
    address: SocketAddr,
    shared: Arc<ServerShared>,
    task: AbortHandle,
}

struct ServerShared {
    answer: Box<dyn Fn(&ReceivedRequest) -> StandInResponse + Send + Sync>,
    connections: AtomicUsize,
    /// Whether responses are held back.
    is_held: watch::Sender<bool>,
    state: Mutex<ServerState>,
}

#[derive(Default)]
struct ServerState {
    requests: VecDeque<ReceivedRequest>,
    rules: Vec<FailureRule>,
    latency: Duration,
}

struct FailureRule {
    /// The path that fails; `None` for every path.
    path: Option<String>,
    /// How many more requests fail; `None` for all.
    left: Option<usize>,
    fail: Failure,
}

impl StandInServer {
    /// Starts on a free port of 127.0.0.1.
    pub async fn start(answer: impl Fn(&ReceivedRequest) -> StandInResponse + Send + Sync + 'static) -> Self {
        Self::start_at(SocketAddr::from(([127, 0, 0, 1], 0)), answer).await.expect("a free port on loopback")
    }

    /// Starts on the given address.
    ///
    /// # Errors
    /// If the address is in use or does not belong to this machine.
    pub async fn start_at(
        address: SocketAddr,
        answer: impl Fn(&ReceivedRequest) -> StandInResponse + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(ServerShared {
            answer: Box::new(answer),
            connections: AtomicUsize::new(0),
            is_held: watch::Sender::new(false),
            state: Mutex::default(),
        });
        let task = tokio::spawn(accept(listener, Arc::clone(&shared))).abort_handle();
        Ok(Self { address, shared, task })
    }

    /// Returns its address.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns its origin: `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the entry of `JACKFIELD_EGRESS_REROUTE` that sends a host's requests here.
    #[must_use]
    pub fn reroute(&self, host: &str) -> String {
        format!("{host}={}", self.url())
    }

    /// Returns the last 10,000 requests, oldest first, including failed ones.
    #[must_use]
    pub fn requests(&self) -> Vec<ReceivedRequest> {
        self.state().requests.iter().cloned().collect()
    }

    /// Returns the recorded requests to one path.
    #[must_use]
    pub fn requests_to(&self, path: &str) -> Vec<ReceivedRequest> {
        self.state().requests.iter().filter(|request| request.path == path).cloned().collect()
    }

    /// Clears the recorded requests.
    pub fn clear_requests(&self) {
        self.state().requests.clear();
    }

    /// Returns how many sockets were opened to it.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// Sets how long each response is delayed.
    pub fn set_latency(&self, latency: Duration) {
        self.state().latency = latency;
    }

    /// Holds back the response to every request, until [`StandInServer::release`].
    pub fn hold(&self) {
        self.shared.is_held.send_replace(true);
    }

    /// Sends the responses that were held back.
    pub fn release(&self) {
        self.shared.is_held.send_replace(false);
    }

    /// Waits until it has received this many requests.
    pub async fn wait_for_requests(&self, count: usize) {
        while self.state().requests.len() < count {
            tokio::task::yield_now().await;
        }
    }

    /// Fails every request until [`StandInServer::recover`].
    pub fn fail(&self, fail: Failure) {
        self.add(FailureRule { path: None, left: None, fail });
    }

    /// Fails the next `requests` requests, then succeeds again. Several calls take effect one after the other.
    pub fn fail_next(&self, requests: usize, fail: Failure) {
        self.add(FailureRule { path: None, left: Some(requests), fail });
    }

    /// Fails every request to one path until [`StandInServer::recover`].
    pub fn fail_at(&self, path: &str, fail: Failure) {
        self.add(FailureRule { path: Some(path.to_owned()), left: None, fail });
    }

    /// Removes all failures.
    pub fn recover(&self) {
        self.state().rules.clear();
    }

    fn add(&self, rule: FailureRule) {
        self.state().rules.push(rule);
    }

    fn state(&self) -> MutexGuard<'_, ServerState> {
        self.shared.state()
    }
}

impl Drop for StandInServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl fmt::Debug for StandInServer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Upstream").field("address", &self.address).finish_non_exhaustive()
    }
}

impl ServerShared {
    fn state(&self) -> MutexGuard<'_, ServerState> {
        self.state.lock().expect("no thread panicked while it held the server's lock")
    }

    /// Records a request. Returns its failure, if any, and the delay of its response.
    fn record(&self, request: &ReceivedRequest) -> (Option<Failure>, Duration) {
        let mut state = self.state();
        if state.requests.len() == REMEMBERED {
            state.requests.pop_front();
        }
        state.requests.push_back(request.clone());
        let due = state
            .rules
            .iter()
            .position(|rule| rule.left != Some(0) && rule.path.as_ref().is_none_or(|path| *path == request.path));
        let fail = due.map(|due| {
            let rule = &mut state.rules[due];
            rule.left = rule.left.map(|left| left - 1);
            rule.fail.clone()
        });
        (fail, state.latency)
    }
}

async fn accept(listener: TcpListener, shared: Arc<ServerShared>) {
    // Dropping this task closes every socket.
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        shared.connections.fetch_add(1, Ordering::Relaxed);
        connections.spawn(serve(stream, Arc::clone(&shared)));
        while connections.try_join_next().is_some() {}
    }
}

/// Serves one socket until either side closes it. Errors are not reported, because the client sees them.
async fn serve(mut stream: TcpStream, shared: Arc<ServerShared>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = BytesMut::new();
    while let Some(request) = message::read(&mut stream, &mut buffer).await? {
        let (fail, latency) = shared.record(&request);
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        let mut is_held = shared.is_held.subscribe();
        // The sender is not dropped, because `shared` owns it.
        let _is_released = is_held.wait_for(|is_held| !is_held).await.is_ok();
        let honest = || (shared.answer)(&request);
        match fail {
            None => message::write(&mut stream, &request, &honest()).await?,
            Some(fail) => {
                if fail.misbehave(&mut stream, &request, honest).await?.is_break() {
                    return Ok(());
                }
            }
        }
        if request.header("connection").is_some_and(|options| options.eq_ignore_ascii_case("close")) {
            return Ok(());
        }
    }
    Ok(())
}
