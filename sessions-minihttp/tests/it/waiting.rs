//! Stores that answer late.

use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};

use sessions_minihttp::{BoxError, Request, Response, block_on};

use crate::support::{Client, get, serve, sessions};

/// A gate that blocks its callers until it is opened.
#[derive(Clone, Default)]
struct Gate(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    is_open: bool,
    waiting: Vec<Waker>,
}

impl Gate {
    async fn pass(&self) {
        poll_fn(|context| {
            let mut state = self.0.lock().unwrap();
            if state.is_open {
                return Poll::Ready(());
            }
            state.waiting.push(context.waker().clone());
            Poll::Pending
        })
        .await;
    }

    fn open(&self) {
        let mut state = self.0.lock().unwrap();
        state.is_open = true;
        state.waiting.drain(..).for_each(Waker::wake);
    }
}

#[test]
fn waiting_blocks_no_thread() {
    let gate = Gate::default();
    let service = {
        let gate = gate.clone();
        move |request: Request<'_>, response: &mut Response| -> Result<(), BoxError> {
            if request.path() == "/wait" {
                block_on(gate.pass());
                request.session()?.set("n", &1)?;
            }
            response.body("ok");
            Ok(())
        }
    };
    let address = serve(sessions(), service);
    // More than there are threads for coroutines.
    let mut waiting: Vec<_> = (0..64).map(|_| Client::new(address)).collect();
    waiting.iter_mut().for_each(|client| client.send(get("/wait", "").as_bytes()));
    let mut others: Vec<_> = (0..64).map(|_| Client::new(address)).collect();
    others.iter_mut().for_each(|client| assert_eq!(client.get("/", "").body, "ok"));
    gate.open();
    for client in &mut waiting {
        assert!(client.receive().unwrap().cookie().starts_with("id="));
    }
}
