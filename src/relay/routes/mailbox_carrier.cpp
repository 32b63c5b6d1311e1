// Delivery to Maildirs; see mailbox_carrier.hpp.
#include "relay/routes/mailbox_carrier.hpp"

#include <map>

#include "mail/header/received.hpp"
#include "relay/local/directory.hpp"

namespace postroad::relay {

namespace {

constexpr std::size_t batch_size = 32;  // messages that share the syncs of their folders

// Where an address without a domain goes: `postmaster` is the only one.
Mailbox mailbox_of(const queue::Part& part, std::size_t recipient) {
  auto to = Mailbox::parse(part.envelope.recipients[part.recipients[recipient]].address);
  return to ? std::move(*to) : Mailbox{"postmaster", {}};
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
    waiting_.push_back({&part, std::move(done), {}, {}});
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
  for (auto& call : batch) write_copies(call);
  const auto keep_error = [](Copy& copy, const Result<void>& done) {
    if (!done) copy.error = done.error();
  };
  for (auto& call : batch) {
    for (auto& [folder, copy] : call.copies) {
      if (!copy.error) keep_error(copy, maildirs_.publish(folder, file_name(*call.part)));
    }
  }
  std::map<std::string, Result<void>> synced;
  for (auto& call : batch) {
    for (auto& [folder, copy] : call.copies) {
      auto found = synced.find(folder);
      if (!copy.error && found == synced.end())
        found = synced.emplace(folder, maildirs_.sync_folder(folder)).first;
      if (!copy.error) keep_error(copy, found->second);
      if (!copy.error) continue;
      for (const auto recipient : copy.recipients) defer(call.attempt, recipient, *copy.error);
    }
  }
}

void MailboxCarrier::write_copies(Call& call) {
  const auto& part = *call.part;
  call.attempt = queue::same_for_all(part.recipients.size(), Outcome::accepted, {});
  for (std::size_t i = 0; i < part.recipients.size(); ++i)
    call.copies[Directory::folder_of(mailbox_of(part, i))].recipients.push_back(i);
  for (auto& [folder, copy] : call.copies) {
    if (const auto written = write(part, folder, copy.recipients.front()); !written)
      copy.error = written.error();
  }
}

// The file's name follows from the queue id: a second delivery after a crash replaces the first.
std::string MailboxCarrier::file_name(const queue::Part& part) const {
  return std::to_string(part.envelope.arrived / 1000) + ".Q" + part.id.text() + '.' + host_;
}

Result<void> MailboxCarrier::write(const queue::Part& part, const std::string& folder,
                                   std::size_t recipient) {
  auto reader = spool_.read(part.id);
  if (!reader) return reader.error();
  const auto& sender = part.envelope.reverse_path;
  const auto reverse_path = sender.empty() ? Result<Mailbox>(Mailbox{}) : Mailbox::parse(sender);
  const auto head = mail::format_return_path(reverse_path ? *reverse_path : Mailbox{}) +
                    mail::format_delivered_to(mailbox_of(part, recipient));
  return maildirs_.write(folder, file_name(part), head, **reader);
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
