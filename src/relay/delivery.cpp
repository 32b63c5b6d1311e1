// The delivery threads; see delivery.hpp.
#include "relay/delivery.hpp"

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "mail/header/received.hpp"
#include "queue/due_queue.hpp"
#include "relay/events.hpp"
#include "relay/intake.hpp"
#include "relay/spool_source.hpp"

namespace postroad::relay {

namespace {

constexpr std::size_t batch_size = 32;  // mails that share one sync of a mailbox's folder

// One recipient of one message, on its way.
struct Task {
  std::uint32_t recipient = 0;
  Mailbox to;
  spool::OutcomeRecord outcome;
  std::string folder;  // the mailbox that has it, not yet synced; empty: none
};

struct Job {
  spool::QueueId id;
  spool::Envelope envelope;
  std::uint64_t size = 0;
  std::vector<Task> tasks;
  bool goes_far = false;  // recipients are left for the far lane
  int priority = 0;       // of MT-PRIORITY
};

// Of DELIVERBY; negative: it is late.
std::chrono::seconds time_left(const spool::Envelope& envelope, const DeliverBy& by) {
  return by.within - std::chrono::duration_cast<std::chrono::seconds>(
                         std::chrono::milliseconds(queue::now_ms() - envelope.arrived));
}

// A mail that was to be given up when it is late, and is.
bool is_too_late(const spool::Envelope& envelope) {
  const auto by = options_of(envelope).deliver_by;
  return by && by->otherwise == DeliverBy::Else::give_up && time_left(envelope, *by).count() <= 0;
}

Client make_client(const DeliverySettings& settings, bool any_certificate) {
  auto options = settings.smarthost_options;
  options.insecure_accept_any_certificate = any_certificate;
  return settings.smarthost_login
             ? Client(settings.smarthost, *settings.smarthost_login, std::move(options))
             : Client(settings.smarthost, std::move(options));
}

// What a batch goes by from its beginning to its end.
struct Plan {
  std::shared_ptr<const Directory> directory;
  DeliverySettings settings;
};

bool is_here(const Plan& plan, const spool::Envelope& envelope, const Mailbox& end) {
  return has_option(envelope, kept_here) || plan.directory->is_local(end);
}

void leave_for_far(const Plan& plan, Job& job) {
  job.goes_far = std::erase_if(job.tasks, [&](const Task& task) {
                   return !is_here(plan, job.envelope, task.to);
                 }) > 0;
}

void settle(const Plan& plan, Task& task, const Error& error) {
  task.outcome.note = error.text();
  task.outcome.state = spool::State::pending;
  if (error.fault == Fault::cancelled) {  // our own stop: no try of its own
    --task.outcome.attempts;
    return;
  }
  task.outcome.next_attempt =
      queue::now_ms() + plan.settings.schedule.pause_after(task.outcome.attempts).count();
}

}  // namespace

struct Delivery::State {
  State(spool::Spool& spool_, Plan plan_, const Maildirs& maildirs_, observe::Log& log_)
      : spool(spool_),
        maildirs(maildirs_),
        log(log_),
        plan(std::make_shared<const Plan>(std::move(plan_))) {}

  void run(queue::Lane lane);
  void deliver(const Plan& by, std::vector<Job>& jobs);
  void deliver_here(const Plan& by, const Job& job, Task& task);
  void deliver_away(const Plan& by, Job& job, const std::vector<Task*>& away, Client& client);
  template <class Talk>
  auto call(Client& client, Talk talk);
  void finish(Job& job);
  std::optional<Job> open(const Plan& by, spool::QueueId id);
  std::shared_ptr<const Plan> present_plan() {
    const std::lock_guard lock(mutex);
    return plan;
  }

  spool::Spool& spool;
  const Maildirs& maildirs;
  observe::Log& log;

  queue::DueQueue due_queue;
  std::mutex mutex;
  std::shared_ptr<const Plan> plan;
  std::condition_variable ended;  // rung by each thread that ends
  std::set<Client*> dialling;     // the calls that a stop may have to cut short
  unsigned running = 0;           // threads
  std::vector<std::thread> threads;
};

std::optional<Job> Delivery::State::open(const Plan& by, spool::QueueId id) {
  auto envelope = spool.envelope(id);
  if (!envelope) {
    if (envelope.error().fault == Fault::not_found) return std::nullopt;
    delivery_failed(log, id, envelope.error().text());
    if (envelope.error().fault == Fault::io) {  // the disk may be able to read it another time
      due_queue.add_later(queue::now_ms() + by.settings.schedule.longest.count(), id);
    }
    return std::nullopt;
  }
  Job job{.id = id, .envelope = std::move(*envelope)};
  if (const auto size = spool.size(id)) job.size = *size;
  if (has_option(job.envelope, mail_parameters))
    job.priority = options_of(job.envelope).priority.value_or(0);
  const auto now = queue::now_ms();
  for (std::uint32_t i = 0; i < job.envelope.recipients.size(); ++i) {
    const auto& recipient = job.envelope.recipients[i];
    if (recipient.state != spool::State::pending || recipient.next_attempt > now) continue;
    Task task;
    task.recipient = i;
    auto to = Mailbox::parse(recipient.address);
    task.to = to ? std::move(*to) : Mailbox{"postmaster", {}};  // the one without a domain
    task.outcome = {i, spool::State::pending, recipient.attempts + 1, 0, {}};
    job.tasks.push_back(std::move(task));
  }
  return job;
}

void Delivery::State::run(queue::Lane lane) {
  for (;;) {
    const auto ids = due_queue.take(lane, batch_size);
    if (ids.empty()) break;
    const auto by = present_plan();
    std::vector<Job> jobs;
    if (by->settings.discard) {
      for (const auto id : ids) spool.remove(id);
    } else {
      for (const auto id : ids) {
        if (auto job = open(*by, id)) jobs.push_back(std::move(*job));
      }
    }
    // Of those that are due together the urgent go first (RFC 6710).
    std::stable_sort(jobs.begin(), jobs.end(),
                     [](const Job& a, const Job& b) { return a.priority > b.priority; });
    if (lane == queue::Lane::local) {
      for (auto& job : jobs) leave_for_far(*by, job);
    }
    deliver(*by, jobs);
    due_queue.release(ids);
    for (auto& job : jobs) finish(job);
  }
  const std::lock_guard lock(mutex);
  --running;
  ended.notify_all();
}

// A call to the smarthost, which a stop may cut short.
template <class Talk>
auto Delivery::State::call(Client& client, Talk talk) {
  {
    const std::lock_guard lock(mutex);
    dialling.insert(&client);
  }
  auto result = talk();
  const std::lock_guard lock(mutex);
  dialling.erase(&client);
  return result;
}

void Delivery::State::deliver(const Plan& by, std::vector<Job>& jobs) {
  const auto& settings = by.settings;
  std::optional<Client> client;
  std::optional<Client> unchecked;
  for (auto& job : jobs) {
    std::vector<Task*> away;
    const bool late = is_too_late(job.envelope);
    for (auto& task : job.tasks) {
      if (late) {
        task.outcome.state = spool::State::refused;
        task.outcome.note = "5.4.7 the time in which it was to be delivered is over";
        continue;
      }
      task.outcome.state = spool::State::delivered;  // unless something says otherwise
      if (is_here(by, job.envelope, task.to)) {
        deliver_here(by, job, task);
      } else {
        away.push_back(&task);
      }
    }
    if (away.empty()) continue;
    // A login goes to nobody whose certificate fails, whatever the mail says.
    const bool any_certificate =
        has_option(job.envelope, tls_is_optional) && !settings.smarthost_login;
    auto& way = any_certificate ? unchecked : client;
    if (!way) way.emplace(make_client(settings, any_certificate));
    deliver_away(by, job, away, *way);
  }
  for (auto* way : {&client, &unchecked}) {
    if (*way) (void)call(**way, [&] { return (*way)->quit(); });
  }
  // One sync for each mailbox that got anything, before any of it counts.
  std::map<std::string, Result<void>> synced;
  for (auto& job : jobs) {
    for (auto& task : job.tasks) {
      if (task.folder.empty()) continue;
      auto found = synced.find(task.folder);
      if (found == synced.end())
        found = synced.emplace(task.folder, maildirs.sync_folder(task.folder)).first;
      if (!found->second) settle(by, task, found->second.error());
    }
  }
}

void Delivery::State::deliver_here(const Plan& by, const Job& job, Task& task) {
  auto reader = spool.read(job.id);
  if (!reader) return settle(by, task, reader.error());
  const auto reverse_path = job.envelope.reverse_path.empty()
                                ? Result<Mailbox>(Mailbox{})
                                : Mailbox::parse(job.envelope.reverse_path);
  const auto head = mail::format_return_path(reverse_path ? *reverse_path : Mailbox{}) +
                    mail::format_delivered_to(task.to);
  auto folder = Directory::folder_of(task.to);
  const auto name =
      std::to_string(job.envelope.arrived / 1000) + ".Q" + job.id.text() + '.' + by.settings.host;
  const auto delivered = maildirs.deliver(folder, name, head, **reader);
  if (!delivered) return settle(by, task, delivered.error());
  task.folder = std::move(folder);
}

void Delivery::State::deliver_away(const Plan& by, Job& job, const std::vector<Task*>& away,
                                   Client& client) {
  Envelope envelope;
  if (auto reverse_path = Mailbox::parse(job.envelope.reverse_path))
    envelope.reverse_path = std::move(*reverse_path);
  envelope.options = options_of(job.envelope);
  for (const auto* task : away) {
    envelope.recipients.push_back(task->to);
    envelope.recipient_options.push_back(options_of(job.envelope.recipients[task->recipient]));
  }
  // It was held here, and the time that is left is less.
  envelope.options.hold_for = {};
  envelope.options.hold_until.reset();
  if (envelope.options.deliver_by)
    envelope.options.deliver_by->within = time_left(job.envelope, *envelope.options.deliver_by);
  SpoolSource source(spool, job.id, job.envelope);
  const auto send = [&] { return call(client, [&] { return client.send(envelope, source); }); };
  auto report = send();
  if (!report && report.error().fault == Fault::unsupported &&
      has_option(job.envelope, is_8bit_unsaid)) {
    source.hide_8bit();
    (void)source.rewind();
    report = send();
  }
  const auto fault = report ? Fault::io : report.error().fault;
  if (fault == Fault::unsupported || fault == Fault::input) {  // the next try would end the same
    for (auto* task : away) {
      task->outcome.state = spool::State::refused;
      task->outcome.note = report.error().text();
    }
    return;
  }
  if (!report) {
    for (auto* task : away) settle(by, *task, report.error());
    return;
  }
  for (std::size_t i = 0; i < away.size(); ++i) {
    auto& task = *away[i];
    const auto& result = report->recipients[i];
    task.outcome.note = result.reply.one_line();
    if (result.outcome == Outcome::refused) task.outcome.state = spool::State::refused;
    if (result.outcome == Outcome::unknown) task.outcome.state = spool::State::unknown;
    if (result.outcome == Outcome::deferred)
      settle(by, task, fail(Fault::refused, by.settings.smarthost, result.reply.one_line()));
  }
}

void Delivery::State::finish(Job& job) {
  std::vector<spool::OutcomeRecord> outcomes;
  for (const auto& task : job.tasks) {
    auto& recipient = job.envelope.recipients[task.recipient];
    recipient.state = task.outcome.state;
    recipient.next_attempt = task.outcome.next_attempt;
    outcomes.push_back(task.outcome);
    recipient_settled(log, job.id, job.envelope, job.size, task.outcome);
  }
  const auto& recipients = job.envelope.recipients;
  const bool all = std::all_of(recipients.begin(), recipients.end(), [](const auto& recipient) {
    return recipient.state == spool::State::delivered;
  });
  if (all) return spool.remove(job.id, [](const Result<void>&) {});
  if (!outcomes.empty()) spool.record(job.id, std::move(outcomes), [](const Result<void>&) {});
  if (job.goes_far) return due_queue.add(queue::Lane::remote, job.id);
  std::optional<std::int64_t> next;
  for (const auto& recipient : recipients) {
    if (recipient.state == spool::State::pending && (!next || recipient.next_attempt < *next))
      next = recipient.next_attempt;
  }
  if (next) due_queue.add_later(*next, job.id);
}

Delivery::Delivery(spool::Spool& spool, std::shared_ptr<const Directory> directory,
                   const Maildirs& maildirs, observe::Log& log, DeliverySettings settings)
    : state_(std::make_unique<State>(spool, Plan{std::move(directory), std::move(settings)},
                                     maildirs, log)) {
  spool.on_committed(
      [state = state_.get()](spool::QueueId id) { state->due_queue.add(queue::Lane::local, id); });
  take_up(spool.list());
  const auto threads = state_->plan->settings.threads;
  state_->running = threads + 1;
  for (unsigned i = 0; i < threads; ++i)
    state_->threads.emplace_back([state = state_.get()] { state->run(queue::Lane::local); });
  state_->threads.emplace_back([state = state_.get()] { state->run(queue::Lane::remote); });
}

void Delivery::change(std::shared_ptr<const Directory> directory, DeliverySettings settings) {
  auto plan = std::make_shared<const Plan>(Plan{std::move(directory), std::move(settings)});
  const std::lock_guard lock(state_->mutex);
  state_->plan = std::move(plan);
}

void Delivery::take_up(const std::vector<spool::Summary>& messages) {
  for (const auto& message : messages) state_->due_queue.add(queue::Lane::local, message.id);
}

Delivery::~Delivery() { stop({}); }

void Delivery::stop(std::chrono::milliseconds drain) {
  const auto until = std::chrono::steady_clock::now() + drain;
  state_->due_queue.stop();
  {
    std::unique_lock lock(state_->mutex);
    while (!state_->ended.wait_until(lock, until, [this] { return state_->running == 0; })) {
      // Again and again: a batch may dial for each of its messages.
      for (auto* client : state_->dialling) client->cancel();
      if (state_->ended.wait_for(lock, std::chrono::milliseconds(20),
                                 [this] { return state_->running == 0; }))
        break;
    }
  }
  for (auto& thread : std::exchange(state_->threads, {})) thread.join();
}

}  // namespace postroad::relay
