// Delivery to Maildirs; see mailbox_carrier.hpp.
#include "relay/routes/mailbox_carrier.hpp"

#include <algorithm>
#include <map>

#include "mail/header/received.hpp"
#include "relay/local/directory.hpp"

namespace postroad::relay {

namespace {

constexpr std::size_t batch_size = 32;  // messages that share the syncs of their folders

// Whether an earlier recipient of the message has the same mailbox.
bool is_same_mailbox(const std::vector<std::string>& folders, std::size_t recipient) {
  const auto here = folders.begin() + static_cast<std::ptrdiff_t>(recipient);
  return std::find(folders.begin(), here, folders[recipient]) != here;
}

}  // namespace

MailboxCarrier::MailboxCarrier(spool::Spool& spool, const Maildirs& maildirs, std::string host,
                               unsigned threads)
    : spool_(spool), maildirs_(maildirs), host_(std::move(host)) {
  try {
    for (unsigned i = 0; i < threads; ++i) threads_.emplace_back([this] { run(); });
  } catch (...) {
    stop({});
    throw;
  }
}

MailboxCarrier::~MailboxCarrier() { stop(std::chrono::steady_clock::now()); }

// Only the first wakes a thread, which wakes the next when it leaves some behind.
void MailboxCarrier::carry(const queue::Part& part, Done done) {
  bool is_first = false;
  {
    const std::lock_guard lock(mutex_);
    is_first = waiting_.empty();
    waiting_.push_back({&part, std::move(done), {}, {}, {}});
  }
  if (is_first) bell_.notify_one();
}

std::vector<MailboxCarrier::Call> MailboxCarrier::take() {
  std::vector<Call> batch;
  batch.reserve(batch_size);
  std::unique_lock lock(mutex_);
  bell_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
  while (!stopping_ && !waiting_.empty() && batch.size() < batch_size) {
    batch.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  if (!waiting_.empty()) bell_.notify_one();
  return batch;
}

void MailboxCarrier::run() {
  for (;;) {
    auto batch = take();
    if (batch.empty()) return;
    deliver_or_defer(batch);
    for (auto& call : batch) call.done(std::move(call.attempt));
  }
}

// An exception (out of memory) is a problem of this server, not of the message.
void MailboxCarrier::deliver_or_defer(std::vector<Call>& batch) {
  try {
    return deliver(batch);
  } catch (const std::exception& thrown) {
    for (auto& call : batch) {
      call.attempt =
          queue::same_for_all(call.part->recipients.size(), Outcome::deferred, thrown.what());
      call.attempt.site_failure = thrown.what();
    }
  }
}

// A disk that accepts no writes is a failure of the site; a single mailbox that cannot be written
// is not.
void MailboxCarrier::defer(queue::Attempt& attempt, std::size_t recipient, const Error& error) {
  attempt.recipients[recipient] = {Outcome::deferred, error.text()};
  if (attempt.site_failure) return;
  const bool lacks_room = error.fault == Fault::full || !maildirs_.has_room();
  if (!lacks_room && (error.fault != Fault::io || maildirs_.try_write())) return;
  lacked_room_ = lacks_room;
  attempt.site_failure = error.text();
}

// All messages are written before the first can be seen in `new`: between that moment and the
// records of the outcomes, in which a crash delivers again, are only renames and one sync of each
// folder.
void MailboxCarrier::deliver(std::vector<Call>& batch) {
  for (auto& call : batch) {
    const auto count = call.part->recipients.size();
    call.attempt = queue::same_for_all(count, Outcome::accepted, {});
    call.folders.resize(count);
    for (std::size_t i = 0; i < count; ++i) write(call, i);
  }
  for (auto& call : batch) {
    for (std::size_t i = 0; i < call.folders.size(); ++i) publish(call, i);
  }
  std::map<std::string, Result<void>> synced;
  for (auto& call : batch) {
    for (std::size_t i = 0; i < call.folders.size(); ++i) {
      const auto& folder = call.folders[i];
      if (folder.empty()) continue;
      auto found = synced.find(folder);
      if (found == synced.end())
        found = synced.emplace(folder, maildirs_.sync_folder(folder)).first;
      if (!found->second) defer(call.attempt, i, found->second.error());
    }
  }
}

// The file's name follows from the queue id: a second delivery after a crash replaces the first.
void MailboxCarrier::write(Call& call, std::size_t recipient) {
  const auto& part = *call.part;
  const auto& envelope = part.envelope;
  const auto reverse_path = envelope.reverse_path.empty() ? Result<Mailbox>(Mailbox{})
                                                          : Mailbox::parse(envelope.reverse_path);
  auto to = Mailbox::parse(envelope.recipients[part.recipients[recipient]].address);
  const auto mailbox = to ? std::move(*to) : Mailbox{"postmaster", {}};  // the one without a domain
  auto& folder = call.folders[recipient] = Directory::folder_of(mailbox);
  if (is_same_mailbox(call.folders, recipient)) return;
  call.name = std::to_string(envelope.arrived / 1000) + ".Q" + part.id.text() + '.' + host_;
  const auto head = mail::format_return_path(reverse_path ? *reverse_path : Mailbox{}) +
                    mail::format_delivered_to(mailbox);
  auto reader = spool_.read(part.id);
  const auto written =
      reader ? maildirs_.write(folder, call.name, head, **reader) : Result<void>(reader.error());
  if (written) return;
  folder.clear();
  defer(call.attempt, recipient, written.error());
}

void MailboxCarrier::publish(Call& call, std::size_t recipient) {
  auto& folder = call.folders[recipient];
  if (folder.empty() || is_same_mailbox(call.folders, recipient)) return;
  const auto published = maildirs_.publish(folder, call.name);
  if (published) return;
  folder.clear();
  defer(call.attempt, recipient, published.error());
}

// A delivery to a mailbox takes milliseconds: those in progress end, the waiting ones are not
// tried.
void MailboxCarrier::begin_stop() {
  std::deque<Call> left;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    left.swap(waiting_);
    bell_.notify_all();
  }
  for (auto& call : left)
    call.done(queue::same_for_all(call.part->recipients.size(), std::nullopt, "stopped"));
}

void MailboxCarrier::stop(std::chrono::steady_clock::time_point) {
  begin_stop();
  for (auto& thread : std::exchange(threads_, {})) thread.join();
}

}  // namespace postroad::relay
