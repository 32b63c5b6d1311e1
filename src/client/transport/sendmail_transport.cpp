// Handing a message to a sendmail-compatible command; see postroad/transport.hpp.
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <postroad/transport.hpp>
#include <system_error>
#include <utility>

#include "base/text.hpp"
#include "client/transport/transport_support.hpp"

namespace postroad {

namespace {

constexpr int tempfail = 75;  // EX_TEMPFAIL
constexpr int oserr = 71;     // EX_OSERR
constexpr int ioerr = 74;     // EX_IOERR

Result<std::vector<std::string>> arguments_of(const std::vector<std::string>& command,
                                              const Envelope& envelope) {
  if (command.empty()) return fail(Fault::input, "sendmail", "no command was given");
  const auto& program = command.front();
  if (envelope.recipients.empty()) return fail(Fault::input, program, "there is no recipient");
  const auto sender =
      envelope.reverse_path.is_null() ? std::string("<>") : envelope.reverse_path.text();
  auto words = command;
  // -i: a lone dot is text. --: the words that follow are not flags.
  words.insert(words.end(), {"-i", "-f", sender, "--"});
  for (const auto& recipient : envelope.recipients) words.push_back(recipient.text());
  if (auto unfit = client::find_unfit(envelope, program)) return std::move(*unfit);
  for (const auto& word : words) {
    if (word.find('\0') != std::string::npos)
      return fail(Fault::input, program, "a NUL in an argument");
  }
  if (sender.starts_with('-'))
    return fail(Fault::input, program,
                "a sender that begins with - would be read as a flag: " + printable(sender, 80));
  return words;
}

// The command and our end of its standard input.
struct Child {
  pid_t process = 0;
  int input = -1;
};

Result<Child> start(std::vector<std::string> words) {
  const auto program = words.front();
  std::vector<char*> arguments;
  for (auto& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    return fail(Fault::io, program, "no socket pair: " + client::errno_text());
  // Until this byte is read, our end is closed with unread input, and the command then gets a reset
  // in place of the end of the message: also when this process dies, and when a child of the
  // command reads.
  (void)::send(ends[1], "?", 1, MSG_NOSIGNAL);
  posix_spawn_file_actions_t actions;
  int failed = ::posix_spawn_file_actions_init(&actions);
  Child child{0, ends[0]};
  if (failed == 0) {
    failed = ::posix_spawn_file_actions_adddup2(&actions, ends[1], STDIN_FILENO);
    // Other open descriptors are not for the command: the sockets of a loop may lack close-on-exec.
    if (failed == 0)
      failed = ::posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
    if (failed == 0)
      failed = ::posix_spawnp(&child.process, program.c_str(), &actions, nullptr, arguments.data(),
                              environ);
    ::posix_spawn_file_actions_destroy(&actions);
  }
  ::close(ends[1]);
  if (failed == 0) return child;
  ::close(ends[0]);
  return fail(Fault::not_found, program,
              "cannot be started: " + std::generic_category().message(failed));
}

// Line ends become those of the system, which sendmail expects: CRLF becomes LF.
Result<void> write_message(MessageSource& source, int to) {
  bool has_cr = false;
  std::string text;
  for (;;) {
    const auto chunk = source.next();
    if (!chunk) return chunk.error();
    text.clear();
    for (const char c : *chunk) {
      if (std::exchange(has_cr, c == '\r') && c != '\n') text += '\r';
      if (c != '\r') text += c;
    }
    if (chunk->empty() && has_cr) text += '\r';
    // A command that ends before it has read everything gives the reason by its exit code.
    if (!client::write_all(to, text, true) || chunk->empty()) return {};
  }
}

// Closes the input and waits. The exit status; nullopt when it is not known.
std::optional<int> wait_for(const Child& child) {
  ::close(child.input);
  int status = 0;
  pid_t ended = 0;
  while ((ended = ::waitpid(child.process, &status, 0)) < 0 && errno == EINTR) {
  }
  if (ended != child.process) return std::nullopt;  // SIGCHLD is ignored in this process
  return status;
}

SendReport judge(const Envelope& envelope, const std::string& program, std::optional<int> status) {
  const auto report = [&](Outcome outcome, const std::string& why) {
    return client::report_of(envelope, outcome, {0, {}, program + ' ' + why});
  };
  if (!status) return report(Outcome::unknown, "ended, and its exit code is not known");
  if (WIFSIGNALED(*status))
    return report(Outcome::unknown, "was ended by signal " + std::to_string(WTERMSIG(*status)));
  const int code = WEXITSTATUS(*status);
  if (code == 0)
    return client::report_of(envelope, Outcome::accepted, {250, {2, 0, 0}, "handed over"});
  const bool later = code == tempfail || code == oserr || code == ioerr;
  return report(later ? Outcome::deferred : Outcome::refused, "ended with " + std::to_string(code));
}

}  // namespace

SendmailTransport::SendmailTransport(std::vector<std::string> command)
    : command_(std::move(command)) {}

Result<SendReport> SendmailTransport::send(const Envelope& envelope, MessageSource& source) {
  auto words = arguments_of(command_, envelope);
  if (!words) return words.error();
  const auto child = start(std::move(*words));
  if (!child) return child.error();
  const auto written = write_message(source, child->input);
  // A part of a message must not be taken for the whole: the command never sees its end.
  char unread = 0;
  if (written) {
    (void)::recv(child->input, &unread, 1, MSG_DONTWAIT);
  } else {
    ::kill(child->process, SIGKILL);
  }
  const auto status = wait_for(*child);
  if (!written) return written.error();
  return judge(envelope, command_.front(), status);
}

}  // namespace postroad
