// The plain transports; see postroad/transport.hpp.
#include <postroad/transport.hpp>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "base/text.hpp"
#include "crypto/digest.hpp"

namespace postroad {

namespace {

SendReport report_of(const Envelope& envelope, Outcome outcome, const Reply& reply) {
  SendReport report;
  for (const auto& recipient : envelope.recipients)
    report.recipients.push_back({recipient, outcome, Stage::end_of_data, reply});
  report.reply = reply;
  return report;
}

std::string reason() { return std::generic_category().message(errno); }

// All of it, or errno says why not. A socket, so that a reader that is gone raises no signal.
bool write_all(int to, std::string_view octets, bool is_socket) {
  while (!octets.empty()) {
    const auto n = is_socket ? ::send(to, octets.data(), octets.size(), MSG_NOSIGNAL)
                             : ::write(to, octets.data(), octets.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    octets.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

// An address of the caller's making that would become a second line, or a shorter word.
std::optional<Error> find_unfit(const Envelope& envelope, const std::string& where) {
  const auto is_unfit = [](const Mailbox& mailbox) {
    const auto text = mailbox.text();
    return std::any_of(text.begin(), text.end(), is_line_breaker);
  };
  if (!is_unfit(envelope.reverse_path) &&
      std::none_of(envelope.recipients.begin(), envelope.recipients.end(), is_unfit))
    return std::nullopt;
  return fail(Fault::input, where, "a CR, LF or NUL in an address");
}

constexpr int tempfail = 75;  // EX_TEMPFAIL
constexpr int oserr = 71;     // EX_OSERR
constexpr int ioerr = 74;     // EX_IOERR

}  // namespace

Result<SendReport> Transport::send(const Message& message) {
  const auto checked = message.check();
  if (!checked) return checked.error();
  auto source = message.source();
  if (!source) return source.error();
  return send(Envelope{message.reverse_path(), message.recipients()}, **source);
}

Result<SendReport> Transport::send(const Envelope& envelope, const Message& message) {
  auto source = message.source();
  if (!source) return source.error();
  return send(envelope, **source);
}

SendmailTransport::SendmailTransport(std::vector<std::string> command)
    : command_(std::move(command)) {}

// sendmail's own line ends are those of the system: CRLF becomes LF on the way.
Result<SendReport> SendmailTransport::send(const Envelope& envelope, MessageSource& source) {
  if (command_.empty()) return fail(Fault::input, "sendmail", "no command was given");
  const auto& program = command_.front();
  if (envelope.recipients.empty()) return fail(Fault::input, program, "there is no recipient");
  auto words = command_;
  // -i: a lone dot is text. --: what follows is no flag, whatever it begins with.
  words.insert(words.end(), {"-i", "-f",
                             envelope.reverse_path.is_null() ? std::string("<>")
                                                             : envelope.reverse_path.text()});
  words.emplace_back("--");
  for (const auto& recipient : envelope.recipients) words.push_back(recipient.text());
  if (auto unfit = find_unfit(envelope, program)) return std::move(*unfit);
  for (const auto& word : words) {
    if (word.find('\0') != std::string::npos)
      return fail(Fault::input, program, "a NUL in an argument");
  }
  if (words[command_.size() + 2].starts_with('-'))
    return fail(Fault::input, program,
                "a sender that begins with - would be taken for a flag: " +
                    printable(words[command_.size() + 2], 80));
  std::vector<char*> arguments;
  for (auto& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);

  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    return fail(Fault::io, program, "no pipe: " + reason());
  // As long as we have not read this octet, our end is closed with something unread in it, and what
  // the command then meets is a reset in place of the end of the message: also when this process
  // dies, and when it is a child of the command's that reads.
  (void)::send(ends[1], "?", 1, MSG_NOSIGNAL);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDIN_FILENO);
  // What else is open here is not the command's: sockets of a loop are not always closed by exec.
  posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
  pid_t child = 0;
  const int failed =
      ::posix_spawnp(&child, program.c_str(), &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  if (failed != 0) {
    ::close(ends[0]);
    return fail(Fault::not_found, program,
                "cannot be started: " + std::generic_category().message(failed));
  }
  std::optional<Error> broken;
  bool has_cr = false;
  std::string text;
  for (;;) {
    const auto chunk = source.next();
    if (!chunk) {
      broken = chunk.error();
      break;
    }
    text.clear();
    for (const char c : *chunk) {
      if (std::exchange(has_cr, c == '\r') && c != '\n') text += '\r';
      if (c != '\r') text += c;
    }
    if (chunk->empty() && has_cr) text += '\r';
    // A command that ends before it has read all says why by its exit code.
    if (!write_all(ends[0], text, true) || chunk->empty()) break;
  }
  // Half a message must not be taken for a whole one: the command never sees its end.
  char unread = 0;
  if (broken) {
    ::kill(child, SIGKILL);
  } else {
    (void)::recv(ends[0], &unread, 1, MSG_DONTWAIT);
  }
  ::close(ends[0]);
  int status = 0;
  pid_t ended = 0;
  while ((ended = ::waitpid(child, &status, 0)) < 0 && errno == EINTR) {
  }
  if (broken) return *broken;
  const auto unknown = [&](const std::string& why) {
    return report_of(envelope, Outcome::unknown, {0, {}, program + ' ' + why});
  };
  // A process that ignores SIGCHLD is not told.
  if (ended != child) return unknown("ended, and its exit code is not known");
  if (WIFSIGNALED(status))
    return unknown("was ended by signal " + std::to_string(WTERMSIG(status)));
  const int code = WEXITSTATUS(status);
  if (code == 0) return report_of(envelope, Outcome::accepted, {250, {2, 0, 0}, "handed over"});
  const bool later = code == tempfail || code == oserr || code == ioerr;
  const auto words_of_it = program + " ended with " + std::to_string(code);
  return report_of(envelope, later ? Outcome::deferred : Outcome::refused, {0, {}, words_of_it});
}

FileTransport::FileTransport(std::string folder) : folder_(std::move(folder)) {}

Result<SendReport> FileTransport::send(const Envelope& envelope, MessageSource& source) {
  namespace fs = std::filesystem;
  if (envelope.recipients.empty()) return fail(Fault::input, folder_, "there is no recipient");
  if (auto unfit = find_unfit(envelope, folder_)) return std::move(*unfit);
  std::error_code error;
  fs::create_directories(folder_, error);
  if (error) return fail(Fault::io, folder_, "cannot be made: " + error.message());
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto name =
      std::to_string(std::chrono::duration_cast<std::chrono::microseconds>(now).count()) + '-' +
      crypto::hex(crypto::random_octets(4));
  const auto path = fs::path(folder_) / (name + ".eml");
  const auto draft = fs::path(folder_) / ('.' + name + ".part");
  const int file = ::open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file < 0) return fail(Fault::io, draft, "cannot be written: " + reason());
  std::string head = "X-Envelope-From: <" + envelope.reverse_path.text() + ">\r\n";
  for (const auto& recipient : envelope.recipients)
    head += "X-Envelope-To: <" + recipient.text() + ">\r\n";
  std::optional<Error> broken;
  bool written = write_all(file, head, false);
  while (written && !broken) {
    const auto chunk = source.next();
    if (!chunk) broken = chunk.error();
    if (!chunk || chunk->empty()) break;
    written = write_all(file, *chunk, false);
  }
  written = written && ::fsync(file) == 0;
  auto why = reason();
  ::close(file);
  const bool renamed = !broken && written && ::rename(draft.c_str(), path.c_str()) == 0;
  if (written && !renamed) why = reason();
  if (renamed) {
    const int folder = ::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder >= 0) {
      ::fsync(folder);
      ::close(folder);
    }
    return report_of(envelope, Outcome::accepted, {250, {2, 0, 0}, "in " + path.string()});
  }
  fs::remove(draft, error);
  if (broken) return *broken;
  return fail(Fault::io, path, "cannot be written: " + why);
}

Result<SendReport> MemoryTransport::send(const Envelope& envelope, MessageSource& source) {
  if (envelope.recipients.empty())
    return fail(Fault::input, "the memory transport", "there is no recipient");
  Sent sent{envelope, {}};
  for (;;) {
    const auto chunk = source.next();
    if (!chunk) return chunk.error();
    if (chunk->empty()) break;
    sent.octets += *chunk;
  }
  const Reply yes{250, {2, 0, 0}, "kept"};
  SendReport report;
  bool any = false;
  for (const auto& recipient : envelope.recipients) {
    auto reply = answer ? answer(recipient) : yes;
    if (reply.code == 0) reply = yes;
    const auto outcome = reply.is_success()             ? Outcome::accepted
                         : reply.is_permanent_failure() ? Outcome::refused
                                                        : Outcome::deferred;
    any = any || outcome == Outcome::accepted;
    report.recipients.push_back({recipient, outcome, Stage::rcpt, reply});
  }
  report.reply = any ? yes : Reply{};
  const std::lock_guard lock(mutex_);
  if (any) sent_.push_back(std::move(sent));
  return report;
}

std::vector<MemoryTransport::Sent> MemoryTransport::sent() const {
  const std::lock_guard lock(mutex_);
  return sent_;
}

void MemoryTransport::clear() {
  const std::lock_guard lock(mutex_);
  sent_.clear();
}

}  // namespace postroad
