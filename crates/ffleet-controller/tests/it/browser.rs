//! A real browser in a test's hand: it is spoken to over a pair of pipes, in the DevTools protocol,
//! and its mouse presses what a person would press.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::unix::pipe::{OpenOptions, Receiver, Sender};

/// How long anything in a browser may take: it starts slowly where others work beside it.
const LONG: Duration = Duration::from_secs(60);
/// Between two looks at a page.
const STEP: Duration = Duration::from_millis(50);

/// A page in a browser. The browser ends with it.
pub(crate) struct Page {
    orders: Sender,
    answers: BufReader<Receiver>,
    session: Value,
    count: u64,
    _process: tokio::process::Child,
    _profile: TempDir,
}

impl Page {
    /// Opens an address.
    pub(crate) async fn open(chromium: &Path, address: &str) -> Self {
        let profile = tempfile::Builder::new().prefix("ctl-").tempdir().unwrap();
        let pipe = |name: &str| {
            let path = profile.path().join(name);
            mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
            path
        };
        let (orders, answers) = (pipe("orders"), pipe("answers"));
        let mut both = OpenOptions::new();
        both.read_write(true);
        let sender = both.open_sender(&orders).unwrap();
        let receiver = both.open_receiver(&answers).unwrap();
        #[expect(clippy::disallowed_methods, reason = "a browser is none of our children")]
        let mut command = std::process::Command::new("sh");
        // Its side of the pipes is file 3 and file 4.
        command
            .args(["-c", "exec \"$0\" \"$@\" 3<\"$ORDERS\" 4>\"$ANSWERS\""])
            .arg(chromium)
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
            .args(["--no-first-run", "--disable-background-networking", "--disable-sync"])
            .args(["--remote-debugging-pipe", "--window-size=1280,900"])
            .arg(format!("--user-data-dir={}", profile.path().join("profile").display()))
            .arg("about:blank")
            .env("ORDERS", orders)
            .env("ANSWERS", answers)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut command = tokio::process::Command::from(command);
        let mut page = Self {
            orders: sender,
            answers: BufReader::new(receiver),
            session: Value::Null,
            count: 0,
            _process: command.kill_on_drop(true).spawn().unwrap(),
            _profile: profile,
        };
        let target = page.order("Target.createTarget", json!({"url": address})).await;
        let attach = json!({"targetId": target["targetId"], "flatten": true});
        page.session = page.order("Target.attachToTarget", attach).await["sessionId"].take();
        page
    }

    /// Goes to another address.
    pub(crate) async fn go(&mut self, address: &str) {
        self.order("Page.navigate", json!({"url": address})).await;
    }

    /// Waits until the page says so: `condition` is JavaScript.
    pub(crate) async fn until(&mut self, condition: &str) {
        self.find(&format!("({condition}) || null")).await;
    }

    /// Presses the button with this text, once it is there to be seen.
    pub(crate) async fn press(&mut self, text: &str) {
        let place = format!(
            "(() => {{
                const all = [...document.querySelectorAll('button, summary')];
                const it = all.find((one) => one.textContent.trim() === {text:?});
                if (!it || !it.checkVisibility()) return null;
                it.scrollIntoView({{ block: 'center' }});
                const box = it.getBoundingClientRect();
                return [box.x + box.width / 2, box.y + box.height / 2];
            }})()"
        );
        let place = self.find(&place).await;
        for kind in ["mousePressed", "mouseReleased"] {
            let event = json!({
                "type": kind, "x": place[0], "y": place[1], "button": "left", "clickCount": 1,
            });
            self.order("Input.dispatchMouseEvent", event).await;
        }
    }

    /// What `expression` is, once it is something.
    async fn find(&mut self, expression: &str) -> Value {
        let look = async {
            loop {
                let asked = json!({"expression": expression, "returnByValue": true});
                let mut answer = self.order("Runtime.evaluate", asked).await;
                match answer["result"]["value"].take() {
                    Value::Null => tokio::time::sleep(STEP).await,
                    found => return found,
                }
            }
        };
        let found = tokio::time::timeout(LONG, look).await;
        found.unwrap_or_else(|_late| panic!("the page never had {expression}"))
    }

    /// Gives an order, and answers what came of it. Between two pages it may come to nothing.
    async fn order(&mut self, method: &str, params: Value) -> Value {
        self.count += 1;
        let mut order = json!({"id": self.count, "method": method, "params": params});
        if !self.session.is_null() {
            order["sessionId"] = self.session.clone();
        }
        let exchange = async {
            let mut text = serde_json::to_vec(&order).unwrap();
            text.push(0);
            self.orders.write_all(&text).await.unwrap();
            loop {
                let mut text = Vec::new();
                self.answers.read_until(0, &mut text).await.unwrap();
                text.pop();
                let mut answer: Value = serde_json::from_slice(&text).unwrap();
                if answer["id"] == self.count {
                    return answer["result"].take();
                }
            }
        };
        tokio::time::timeout(LONG, exchange).await.expect("the browser answers")
    }
}
