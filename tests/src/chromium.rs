use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::webdriver::Session;
use crate::{CHROMEDRIVER, CHROMIUM, PATIENCE};

/// A headless Chromium with a fresh profile.
///
/// When it is dropped, it is reset and reused by another test: starting one takes longer than most
/// tests.
#[derive(Debug)]
pub struct Chromium {
    /// `None` once it is closed.
    running: Option<Running>,
}

/// A running browser. It stops when dropped.
#[derive(Debug)]
struct Running {
    session: Session,
    _driver: Driver,
    /// Declared last, so that the browser stops before its profile is removed.
    profile: Profile,
}

/// Unused browsers. They end with the process.
static UNUSED: Mutex<Vec<Running>> = Mutex::new(Vec::new());

/// The files of a [`Chromium`], such as persistent cookies.
#[derive(Debug)]
pub struct Profile(TempDir);

/// A tab of a [`Chromium`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tab(String);

impl Chromium {
    /// Returns a browser with one empty tab.
    ///
    /// If none is installed, reports the test as skipped and returns `None`.
    ///
    /// # Panics
    ///
    /// Panics if the browser does not start.
    #[must_use]
    pub fn start() -> Option<Self> {
        if !(CHROMIUM.is_installed() && CHROMEDRIVER.is_installed()) {
            return None;
        }
        if let Some(running) = unused().pop() {
            return Some(Self { running: Some(running) });
        }
        let profile = TempDir::with_prefix("chromium-").expect("there is a directory for temporary files");
        Some(Self::reopen(Profile(profile)))
    }

    /// Starts a browser again with the profile of one that was [closed](Self::close).
    ///
    /// # Panics
    ///
    /// Panics if the browser does not start.
    #[must_use]
    pub fn reopen(profile: Profile) -> Self {
        let folder = profile.0.path();
        let driver = Driver::start(folder);
        let session = Session::start(driver.address, &capabilities(folder));
        Self { running: Some(Running { session, _driver: driver, profile }) }
    }

    /// Closes the browser as its user does, with all its tabs, and keeps its profile.
    ///
    /// # Panics
    ///
    /// Panics if the browser does not close.
    #[must_use]
    pub fn close(mut self) -> Profile {
        let running = self.running.take().expect("the browser is closed once");
        running.session.end();
        running.profile
    }

    fn session(&self) -> &Session {
        &self.running.as_ref().expect("the browser is not closed yet").session
    }

    /// Opens a URL and waits for the page.
    ///
    /// # Panics
    ///
    /// Panics if the browser shows an error page instead.
    #[track_caller]
    pub fn open(&self, url: &str) {
        self.session().post("/url", &json!({ "url": url }));
    }

    /// Presses the reload button.
    ///
    /// # Panics
    ///
    /// Panics if the browser shows an error page instead.
    #[track_caller]
    pub fn reload(&self) {
        self.session().post("/refresh", &json!({}));
    }

    /// Presses the back button.
    ///
    /// # Panics
    ///
    /// Panics if the browser shows an error page instead.
    #[track_caller]
    pub fn back(&self) {
        self.session().post("/back", &json!({}));
    }

    /// Clicks the first element that a CSS selector finds, and waits for the next page.
    ///
    /// # Panics
    ///
    /// Panics if there is no such element, or if no other page loads.
    #[track_caller]
    pub fn follow(&self, selector: &str) {
        // A new document has no such mark.
        self.session().post(RUN, &script("window.isLeft = true"));
        self.click(selector);
        let arrived = script("return !window.isLeft && document.readyState === 'complete'");
        let deadline = Instant::now() + PATIENCE;
        // This fails while one document replaces the other.
        while self.session().try_post(RUN, &arrived) != Ok(Value::Bool(true)) {
            assert!(Instant::now() < deadline, "no page loads after a click on {selector}");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Clicks the first element that a CSS selector finds, on a page that stays.
    ///
    /// # Panics
    ///
    /// Panics if there is no such element, or if it is hidden.
    #[track_caller]
    pub fn click(&self, selector: &str) {
        self.session().post(&format!("{}/click", self.element(selector)), &json!({}));
    }

    /// Replaces the text of the first field that a CSS selector finds.
    ///
    /// # Panics
    ///
    /// Panics if there is no such field.
    #[track_caller]
    pub fn fill(&self, selector: &str, text: &str) {
        let field = self.element(selector);
        self.session().post(&format!("{field}/clear"), &json!({}));
        self.session().post(&format!("{field}/value"), &json!({ "text": text }));
    }

    /// Returns the text of the page, or of the text or JSON that the browser shows in a frame of
    /// its own.
    #[must_use]
    #[track_caller]
    pub fn text(&self) -> String {
        let text = self.evaluate("(document.querySelector('body > pre') ?? document.body).innerText");
        text.as_str().unwrap_or_default().trim().to_owned()
    }

    /// Returns the text of the first element that a CSS selector finds, if there is one.
    #[must_use]
    #[track_caller]
    pub fn text_of(&self, selector: &str) -> Option<String> {
        let found = self.evaluate(&format!("document.querySelector({})?.innerText ?? null", json!(selector)));
        found.as_str().map(|text| text.trim().to_owned())
    }

    /// Returns the value of a JavaScript expression in the page.
    ///
    /// # Panics
    ///
    /// Panics if it has no value.
    #[must_use]
    #[track_caller]
    pub fn evaluate(&self, expression: &str) -> Value {
        self.session().post(RUN, &script(&format!("return {expression}")))
    }

    /// Returns the URL of the page.
    #[must_use]
    #[track_caller]
    pub fn url(&self) -> String {
        self.session().get("/url").as_str().unwrap_or_default().to_owned()
    }

    /// Returns the cookies of the page in WebDriver's form.
    #[must_use]
    #[track_caller]
    pub fn cookies(&self) -> Vec<Value> {
        self.session().get("/cookie").as_array().cloned().unwrap_or_default()
    }

    /// Returns the tab that all other methods act on.
    #[must_use]
    #[track_caller]
    pub fn tab(&self) -> Tab {
        Tab(self.session().get("/window").as_str().expect("a tab has a handle").to_owned())
    }

    /// Opens an empty tab and switches to it.
    #[track_caller]
    pub fn open_tab(&self) {
        let tab = self.session().post("/window/new", &json!({ "type": "tab" }));
        self.session().post("/window", &json!({ "handle": tab["handle"] }));
    }

    /// Switches to another tab.
    ///
    /// # Panics
    ///
    /// Panics if the tab is closed.
    #[track_caller]
    pub fn switch_to(&self, tab: &Tab) {
        self.session().post("/window", &json!({ "handle": tab.0 }));
    }

    /// Returns the path of the commands for the first element that a CSS selector finds.
    #[track_caller]
    fn element(&self, selector: &str) -> String {
        let found = self.session().post("/element", &json!({ "using": "css selector", "value": selector }));
        let id = found.as_object().and_then(|object| object.values().next()).and_then(Value::as_str);
        format!("/element/{}", id.expect("an element has an id"))
    }
}

impl Running {
    /// Closes all tabs except an empty one, and clears all data of pages.
    fn forget(&self) -> Result<(), String> {
        let tabs = self.session.get("/window/handles");
        let new = self.session.try_post("/window/new", &json!({ "type": "tab" }))?;
        for tab in tabs.as_array().into_iter().flatten() {
            self.session.try_post("/window", &json!({ "handle": tab }))?;
            self.session.try_delete("/window")?;
        }
        self.session.try_post("/window", &json!({ "handle": new["handle"] }))?;
        for command in ["Network.clearBrowserCookies", "Network.clearBrowserCache"] {
            self.session.try_post("/goog/cdp/execute", &json!({ "cmd": command, "params": {} }))?;
        }
        Ok(())
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        let running = self.running.take().filter(|_| !thread::panicking());
        unused().extend(running.filter(|running| running.forget().is_ok()));
    }
}

fn unused() -> MutexGuard<'static, Vec<Running>> {
    UNUSED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Command that runs a script.
const RUN: &str = "/execute/sync";

fn script(code: &str) -> Value {
    json!({ "script": code, "args": [] })
}

/// Returns the capabilities. There is no sandbox, since Chromium refuses to sandbox root.
fn capabilities(profile: &Path) -> Value {
    let profile = format!("--user-data-dir={}", profile.join("profile").display());
    let args = ["--headless", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", &profile];
    json!({ "browserName": "chrome", "goog:chromeOptions": { "args": args } })
}

/// Runs the driver, and kills it with its browsers once stdin is closed.
///
/// The system closes the pipe when the test process ends. The shell then removes the directory,
/// since no other process is left to do it.
const SCRIPT: &str = r#"setsid chromedriver --port="$PORT" &
exec >&-; read -r word
kill -KILL -$! || kill -KILL $!; wait
[ "$word" = keep ] || rm -rf "$HOME""#;

/// A running chromedriver.
#[derive(Debug)]
struct Driver {
    /// Leader of the process group of the driver and its browsers.
    shell: Child,
    address: SocketAddr,
    /// Kept open, so that the driver can print without failing.
    output: BufReader<ChildStdout>,
}

impl Driver {
    /// Starts a driver that writes its files to `folder`.
    fn start(folder: &Path) -> Self {
        let mut printed = String::new();
        // The driver listens on the same port of IPv6 and IPv4. A port that is free in one may be
        // in use in the other.
        for _ in 0..5 {
            match Self::listen(folder, 0) {
                Ok(driver) => return driver,
                Err(text) => printed = text,
            }
        }
        panic!("chromedriver does not start: {printed}");
    }

    /// Starts a driver on a port, or on a free one for 0.
    ///
    /// # Errors
    ///
    /// Returns what the driver printed if it ends before it listens.
    fn listen(folder: &Path, port: u16) -> Result<Self, String> {
        let mut command = Command::new("sh");
        in_group_of_its_own(&mut command);
        let mut shell = command
            .args(["-c", SCRIPT])
            .env("HOME", folder)
            .env("TMPDIR", folder)
            .env("PORT", port.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("there is a shell");
        let output = BufReader::new(shell.stdout.take().expect("its output was piped"));
        let mut driver = Self { shell, address: (Ipv4Addr::LOCALHOST, port).into(), output };

        let mut printed = String::new();
        while driver.output.read_line(&mut printed).is_ok_and(|length| length > 0) {
            if let Some(port) = announced(&printed) {
                driver.address.set_port(port);
                return Ok(driver);
            }
        }
        Err(printed)
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // The directory outlives a browser that is closed.
        let sent = self.shell.stdin.take().map(|mut stdin| stdin.write_all(b"keep\n"));
        drop(sent);
        // Fails only if the process has ended already.
        let _ = self.shell.wait();
    }
}

#[cfg(unix)]
fn in_group_of_its_own(command: &mut Command) {
    use std::os::unix::process::CommandExt;
    command.process_group(0);
}

#[cfg(not(unix))]
fn in_group_of_its_own(_command: &mut Command) {}

/// Returns the port from what chromedriver prints at start.
fn announced(printed: &str) -> Option<u16> {
    let (_, port) = printed.split_once("started successfully on port ")?;
    port.trim_end().trim_end_matches('.').parse().ok()
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn the_port_is_read_from_the_announcement() {
        assert_eq!(announced("ChromeDriver was started successfully on port 40745."), Some(40745));
        assert_eq!(announced("Starting ChromeDriver 156.0.8078.108 on port 0"), None);
    }

    #[test]
    fn a_driver_that_ends_shows_its_reason() {
        if !CHROMEDRIVER.is_installed() {
            return;
        }
        let folder = TempDir::new().expect("there is a directory for temporary files");
        let other = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        let port = other.local_addr().expect("it listens").port();
        let printed = Driver::listen(folder.path(), port).expect_err("the port is in use");
        assert!(printed.contains("port not available"), "{printed}");
        assert!(folder.path().exists(), "another driver can use the directory");
    }
}
