# Drives a shell at a terminal, as a person does: BASH FFLEET.
import os, pty, re, select, sys, time

bash, ffleet = sys.argv[1:3]
with open("count.sh", "w") as script:
    script.write(
        "for s in INT QUIT TSTP; do trap \"echo got-$s\" $s; done\n"
        "trap - TSTP\n"
        "echo begun-$$\n"
        "n=0; while [ $n -lt 900 ]; do n=$((n+1)); sleep 0.05; echo $n >count; done\n"
    )

pid, fd = pty.fork()
if pid == 0:
    os.environ.update(PS1="ready> ", TERM="dumb", HISTFILE="")
    os.execv(bash, ["bash", "--norc", "--noprofile", "-i"])

seen = ""


def hear():
    global seen
    if fd < 0:
        time.sleep(0.05)
        return
    if select.select([fd], [], [], 0.05)[0]:
        try:
            seen += os.read(fd, 65536).decode(errors="replace")
        except OSError:
            pass


def wait(what, text=None, check=None):
    """Waits until `text` has come, as a pattern, and takes all up to it away."""
    global seen
    end = time.monotonic() + 30
    while time.monotonic() < end:
        hear()
        if check is not None:
            if check():
                return None
            continue
        found = re.search(text, seen)
        if found:
            seen = seen[found.end():]
            return found
    sys.exit(f"waited in vain: {what}; there was {seen!r}")


def say(text):
    os.write(fd, text.encode())


def count():
    try:
        return int(open("count").read() or 0)
    except (OSError, ValueError):
        return 0


def counts():
    before = count()
    wait("it counts", check=lambda: count() > before + 1)


def state(pid):
    return open(f"/proc/{pid}/stat").read().rsplit(") ", 1)[1][0]


wait("a prompt", "ready> ")
say(f"{ffleet} run --nice 1 -- sh count.sh\n")
command = int(wait("it has begun", r"begun-(\d+)\r\n").group(1))
counts()

# Ctrl-C and Ctrl-\ come to the command, once each.
say("\x03")
wait("Ctrl-C", "got-INT\r\n")
say("\x1c")
wait("Ctrl-\\", "got-QUIT\r\n")
counts()
if "got-" in seen:
    sys.exit(f"a key came twice: {seen!r}")

# Ctrl-Z stops it, and the shell says so; fg goes on with it.
say("\x1a")
wait("the shell took note", r"Stopped")
wait("a prompt", "ready> ")
wait("it stands still", check=lambda: state(command) == "T")
before = count()
say("echo still\n")
wait("the shell works", "still\r\n.*ready> ")
if count() != before:
    sys.exit("it goes on while it is stopped")
say("fg\n")
counts()
say("\x03")
wait("Ctrl-C after fg", "got-INT\r\n")
if state(command) == "T":
    sys.exit("it stands still")

# Once more, and on in the background, where keys do not come.
say("\x1a")
wait("the shell took note", r"Stopped")
wait("a prompt", "ready> ")
say("bg\n")
wait("a prompt", "ready> ")
counts()
say("\x03")
wait("a prompt", "ready> ")
counts()
if "got-" in seen:
    sys.exit(f"a key came to the background: {seen!r}")

# `kill %1` is sent to the process group, as a shell does; it ends by that, and so do we.
say("kill %1; wait %1; echo code-$?\n")
wait("its end", "code-143\r\n")
wait("a prompt", "ready> ")

# A command that reads the terminal does so.
say(f"{ffleet} run -- sh -c 'read line; echo heard-$line'\n")
time.sleep(0.3)
say("words\n")
wait("what it read", "heard-words\r\n")
wait("how it went", "exit code 0")
wait("a prompt", "ready> ")
say(f"{ffleet} run -- sh -c 'read line; echo heard-$line' &\n")
wait("a prompt", "ready> ")


def is_stopped():
    say("jobs\n")
    time.sleep(0.3)
    hear()
    return "Stopped" in seen


wait("it is stopped for reading", check=is_stopped)
seen = ""
say("fg\n")
time.sleep(0.3)
say("more\n")
wait("what it read", "heard-more\r\n")

# The terminal goes away.
say(f"{ffleet} run -- sh -c 'trap \"echo gone >hung\" HUP; sleep 20 & wait'\n")
time.sleep(1)
os.close(fd)
fd = -1
wait("it hears of that", check=lambda: os.path.exists("hung"))
print("all of it")
