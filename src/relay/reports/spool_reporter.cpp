// See spool_reporter.hpp.
#include "relay/reports/spool_reporter.hpp"

#include <algorithm>

#include "queue/events.hpp"
#include "relay/reports/own_message.hpp"
#include "relay/reports/status_report.hpp"

namespace postroad::relay {

namespace {

constexpr std::size_t most_header = 64 << 10;             // bytes of the original's header
constexpr std::size_t most_returned = 50'000;             // bytes of a whole message, to any sender
constexpr std::size_t most_returned_to_login = 10 << 20;  // bytes, to a sender with a login

}  // namespace

SpoolReporter::SpoolReporter(spool::Spool& spool, observe::Log& log, ReportSettings settings,
                             ReportRecipients recipients_of, std::shared_ptr<ReportLimit> limit)
    : spool_(spool),
      log_(log),
      settings_(std::move(settings)),
      recipients_of_(std::move(recipients_of)),
      limit_(std::move(limit)),
      thread_([this] { run(); }) {}

SpoolReporter::~SpoolReporter() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    bell_.notify_all();
  }
  thread_.join();
}

std::vector<queue::OwedReport> SpoolReporter::owed(const spool::Envelope& envelope,
                                                   const queue::Handling& handling,
                                                   std::int64_t wall,
                                                   std::chrono::milliseconds age) const {
  return queue::owed_reports(envelope, handling, settings_.policy, wall, age);
}

void SpoolReporter::report(const queue::Part& part, std::vector<queue::OwedReport> owed,
                           Done done) {
  const std::lock_guard lock(mutex_);
  waiting_.push_back({&part, std::move(owed), std::move(done)});
  bell_.notify_all();
}

void SpoolReporter::run() {
  for (;;) {
    std::unique_lock lock(mutex_);
    bell_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
    if (waiting_.empty()) return;
    const auto job = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    try {
      make(job);
    } catch (...) {  // no memory
      job.done(fail(Fault::io, "a notification", "cannot be made: there is no memory"));
    }
  }
}

// RET=FULL is honoured for small messages, and for larger ones of a login: the sender may be
// forged.
bool SpoolReporter::returns_whole(const Job& job) const {
  const auto& part = *job.part;
  if (part.handling.asked.return_content != MailOptions::Return::full) return false;
  const auto most = part.envelope.login.empty() ? most_returned : most_returned_to_login;
  return part.size <= most && std::any_of(job.owed.begin(), job.owed.end(), [](const auto& one) {
           return one.action == ReportedRecipient::Action::failed;
         });
}

// Empty if it cannot be read: the report goes without it.
std::string SpoolReporter::read_original(const queue::Part& part, bool whole) const {
  std::string bytes;
  auto reader = spool_.read(part.id);
  while (reader) {
    const auto chunk = (*reader)->next();
    if (!chunk || chunk->empty()) break;
    bytes += *chunk;
    if (whole) continue;
    if (bytes.find("\r\n\r\n") != std::string::npos) break;
    if (bytes.size() < most_header) continue;
    bytes.resize(bytes.rfind('\n', most_header) + 1);
    break;
  }
  return bytes;
}

std::string SpoolReporter::last_words() const {
  return "There were " + std::to_string(settings_.per_hour) +
         " reports like this within an hour. The server does not send you more of them until the "
         "hour is over.";
}

// The callbacks run when this reporter may be gone: they have what they need.
void SpoolReporter::suppress(const Job& job, const std::string& to, const std::string& reason) {
  spool_.record(job.part->id, queue::reported(job.part->envelope, job.owed),
                [&log = log_, id = job.part->id, to, reason, done = job.done](Result<void> kept) {
                  if (kept) queue::report_suppressed(log, id, to, reason);
                  done(std::move(kept));
                });
}

// A local address without a mailbox gets no mailbox by a notification: the postmaster is told.
std::vector<spool::Recipient> SpoolReporter::recipients_for(const Job& job, std::string& to) const {
  to = queue::report_address(job.part->envelope, settings_.policy);
  auto recipients = recipients_of_(to);
  if (recipients.empty() && !settings_.policy.postmaster.empty()) {
    to = settings_.policy.postmaster;
    recipients = recipients_of_(to);
  }
  return recipients;
}

void SpoolReporter::make(const Job& job) {
  const auto& part = *job.part;
  std::string to;
  auto recipients = recipients_for(job, to);
  if (recipients.empty()) return suppress(job, to, "there is no mailbox of this address");
  auto incoming = spool_.begin();
  if (!incoming) return job.done(incoming.error());
  const bool whole = returns_whole(job);
  ReportContext context{settings_.host, to, settings_.lifetime, read_original(part, whole),
                        whole,          {}};
  const auto decision = limit_->count(to, settings_.per_hour, std::chrono::steady_clock::now());
  if (decision == ReportLimit::Decision::suppress)
    return suppress(job, to, "too many in this hour");
  if (decision == ReportLimit::Decision::send_last) context.last_words = last_words();
  const auto end = [&log = log_, limit = limit_, id = part.id, new_id = (*incoming)->id(), to,
                    done = job.done](Result<void> kept) {
    kept ? queue::report_queued(log, id, new_id, to) : limit->uncount(to);
    done(std::move(kept));
  };
  auto message = status_report(part, job.owed, context);
  if (settings_.signer) message.sign(settings_.signer);
  auto envelope = write_own_message(**incoming, message, settings_.host, std::move(recipients));
  if (!envelope) return end(envelope.error());
  spool_.commit_with(std::move(*incoming), std::move(*envelope), part.id,
                     queue::reported(part.envelope, job.owed), end);
}

}  // namespace postroad::relay
