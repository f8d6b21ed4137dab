//! A stand-in of a provider at the socket: answers by a function, remembers what it was asked, fails when told to.
//!
//! HTTP/1.1 is spoken by hand: half of the failures lie below what a server library would let out.

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
    task::{AbortHandle, JoinSet},
};

pub use self::{
    echo::{echo_request, encodings},
    failure::Failure,
    message::{ReceivedRequest, StandInResponse},
};

/// Requests that are remembered; older ones are forgotten, so that a load test does not fill the memory.
const REMEMBERED: usize = 10_000;

/// A running stand-in. It stops, with all its connections, when it is dropped.
pub struct StandInServer {
    address: SocketAddr,
    shared: Arc<ServerShared>,
    task: AbortHandle,
}

struct ServerShared {
    answer: Box<dyn Fn(&ReceivedRequest) -> StandInResponse + Send + Sync>,
    connections: AtomicUsize,
    state: Mutex<ServerState>,
}

#[derive(Default)]
struct ServerState {
    requests: VecDeque<ReceivedRequest>,
    rules: Vec<FailureRule>,
    latency: Duration,
}

struct FailureRule {
    /// The path that fails; any where none is named.
    path: Option<String>,
    /// How many requests are still to fail; all where none is named.
    left: Option<usize>,
    fail: Failure,
}

impl StandInServer {
    /// Starts on a free port of 127.0.0.1.
    pub async fn start(answer: impl Fn(&ReceivedRequest) -> StandInResponse + Send + Sync + 'static) -> Self {
        Self::start_at(SocketAddr::from(([127, 0, 0, 1], 0)), answer).await.expect("a free port on loopback")
    }

    /// Starts on an address.
    ///
    /// # Errors
    /// The address is taken or is none of this machine.
    pub async fn start_at(
        address: SocketAddr,
        answer: impl Fn(&ReceivedRequest) -> StandInResponse + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(ServerShared {
            answer: Box::new(answer),
            connections: AtomicUsize::new(0),
            state: Mutex::default(),
        });
        let task = tokio::spawn(accept(listener, Arc::clone(&shared))).abort_handle();
        Ok(Self { address, shared, task })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it listens as an origin: `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The line of `JACKFIELD_EGRESS_REROUTE` that leads a host's requests here.
    #[must_use]
    pub fn reroute(&self, host: &str) -> String {
        format!("{host}={}", self.url())
    }

    /// What it was asked so far, the failed requests too, oldest first; the last 10,000.
    #[must_use]
    pub fn requests(&self) -> Vec<ReceivedRequest> {
        self.state().requests.iter().cloned().collect()
    }

    /// What it was asked so far at one path.
    #[must_use]
    pub fn requests_to(&self, path: &str) -> Vec<ReceivedRequest> {
        self.state().requests.iter().filter(|request| request.path == path).cloned().collect()
    }

    /// Forgets what it was asked so far.
    pub fn clear_requests(&self) {
        self.state().requests.clear();
    }

    /// How many connections were opened to it.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// Waits so long before each answer.
    pub fn set_latency(&self, latency: Duration) {
        self.state().latency = latency;
    }

    /// Fails every request until [`StandInServer::mend`].
    pub fn fail(&self, fail: Failure) {
        self.add(FailureRule { path: None, left: None, fail });
    }

    /// Fails the next `requests` requests; further ones succeed again. A later call is used up after an earlier one.
    pub fn fail_next(&self, requests: usize, fail: Failure) {
        self.add(FailureRule { path: None, left: Some(requests), fail });
    }

    /// Fails every request to one path until [`StandInServer::mend`].
    pub fn fail_at(&self, path: &str, fail: Failure) {
        self.add(FailureRule { path: Some(path.to_owned()), left: None, fail });
    }

    /// Fails no more.
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
        self.state.lock().expect("no panic while the stand-in's state is held")
    }

    /// Remembers a request and says how it fails, if it does, and how long its answer takes.
    fn note(&self, request: &ReceivedRequest) -> (Option<Failure>, Duration) {
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
    // Dropped with this task, and every connection with it.
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        shared.connections.fetch_add(1, Ordering::Relaxed);
        connections.spawn(serve(stream, Arc::clone(&shared)));
        while connections.try_join_next().is_some() {}
    }
}

/// Serves one connection until either side closes it. How it ended is told by what the client saw.
async fn serve(mut stream: TcpStream, shared: Arc<ServerShared>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = BytesMut::new();
    while let Some(request) = message::read(&mut stream, &mut buffer).await? {
        let (fail, latency) = shared.note(&request);
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
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
