//! The thread that wakes the event loops that cannot watch a socket.

use std::sync::{Arc, Weak};
use std::thread::JoinHandle;

use npubridge_engine::sync::{Condvar, Mutex};
use pyo3::prelude::*;

use super::Mailbox;

/// Tells event loops of their answers, from a thread of its own that starts when it is first needed.
pub(crate) struct Courier {
    myself: Weak<Self>,
    post: Mutex<Post>,
    wake: Condvar,
}

#[derive(Default)]
struct Post {
    mailboxes: Vec<Arc<Mailbox>>,
    closing: bool,
    thread: Option<JoinHandle<()>>,
}

impl Courier {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new_cyclic(|myself| Self {
            myself: Weak::clone(myself),
            post: Mutex::default(),
            wake: Condvar::new(),
        })
    }

    pub(super) fn send(&self, mailbox: Arc<Mailbox>) {
        let mut post = self.post.lock();
        post.mailboxes.push(mailbox);
        if post.thread.is_none() && !post.closing {
            let myself = Weak::clone(&self.myself);
            let builder = std::thread::Builder::new().name("npubridge-courier".into());
            let thread = builder.spawn(move || {
                if let Some(courier) = myself.upgrade() {
                    courier.work();
                }
            });
            post.thread = Some(thread.expect("the system can start a thread"));
        }
        drop(post);
        self.wake.notify_one();
    }

    /// Ends the thread when it has delivered what is there. The GIL must not be held.
    pub(crate) fn close(&self) {
        let thread = {
            let mut post = self.post.lock();
            post.closing = true;
            post.thread.take()
        };
        self.wake.notify_one();
        if let Some(thread) = thread {
            // A panic of the courier has been told by the panic hook.
            let _ = thread.join();
        }
    }

    /// Delivers until closed. The thread keeps its Python thread state for its whole life and detaches while it waits.
    fn work(&self) {
        Python::try_attach(|py| {
            while let Some(mailboxes) = py.detach(|| self.next()) {
                for mailbox in mailboxes {
                    mailbox.call(py);
                }
            }
        });
    }

    fn next(&self) -> Option<Vec<Arc<Mailbox>>> {
        let mut post = self.post.lock();
        while post.mailboxes.is_empty() {
            if post.closing {
                return None;
            }
            self.wake.wait(&mut post);
        }
        Some(std::mem::take(&mut post.mailboxes))
    }
}
