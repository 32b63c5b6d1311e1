// Transports into a folder and into memory; see postroad/transport.hpp.
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <postroad/transport.hpp>
#include <system_error>

#include "client/transport/transport_support.hpp"
#include "crypto/digest.hpp"

namespace postroad {

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

FileTransport::FileTransport(std::string folder) : folder_(std::move(folder)) {}

namespace {

Result<void> write_file(int file, const std::string& path, const Envelope& envelope,
                        MessageSource& source) {
  std::string head = "X-Envelope-From: <" + envelope.reverse_path.text() + ">\r\n";
  for (const auto& recipient : envelope.recipients)
    head += "X-Envelope-To: <" + recipient.text() + ">\r\n";
  bool written = client::write_all(file, head, false);
  while (written) {
    const auto chunk = source.next();
    if (!chunk) return chunk.error();
    if (chunk->empty()) break;
    written = client::write_all(file, *chunk, false);
  }
  if (written && ::fsync(file) == 0) return {};
  return fail(Fault::io, path, "cannot be written: " + client::errno_text());
}

// The name of a new file is durable only once its folder is synced.
Result<void> sync_folder(const std::string& path) {
  const int folder = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool synced = folder >= 0 && ::fsync(folder) == 0;
  auto why = client::errno_text();
  if (folder >= 0) ::close(folder);
  if (synced) return {};
  return fail(Fault::io, path, "the folder cannot be synced: " + why);
}

std::string unique_name() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::to_string(std::chrono::duration_cast<std::chrono::microseconds>(now).count()) + '-' +
         crypto::hex(crypto::random_bytes(4));
}

}  // namespace

Result<SendReport> FileTransport::send(const Envelope& envelope, MessageSource& source) {
  namespace fs = std::filesystem;
  if (envelope.recipients.empty()) return fail(Fault::input, folder_, "there is no recipient");
  if (auto unfit = client::find_unfit(envelope, folder_)) return std::move(*unfit);
  std::error_code error;
  fs::create_directories(folder_, error);
  if (error) return fail(Fault::io, folder_, "cannot be created: " + error.message());
  const auto name = unique_name();
  const auto path = fs::path(folder_) / (name + ".eml");
  const auto draft = fs::path(folder_) / ('.' + name + ".part");
  const int file = ::open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file < 0) return fail(Fault::io, draft, "cannot be written: " + client::errno_text());
  auto written = write_file(file, path, envelope, source);
  ::close(file);
  if (written && ::rename(draft.c_str(), path.c_str()) != 0)
    written = fail(Fault::io, path, "cannot be written: " + client::errno_text());
  if (written) written = sync_folder(folder_);
  if (written)
    return client::report_of(envelope, Outcome::accepted, {250, {2, 0, 0}, "in " + path.string()});
  fs::remove(draft, error);
  fs::remove(path, error);
  return written.error();
}

Result<SendReport> MemoryTransport::send(const Envelope& envelope, MessageSource& source) {
  if (envelope.recipients.empty())
    return fail(Fault::input, "memory transport", "there is no recipient");
  Sent sent{envelope, {}};
  for (;;) {
    const auto chunk = source.next();
    if (!chunk) return chunk.error();
    if (chunk->empty()) break;
    sent.bytes += *chunk;
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
