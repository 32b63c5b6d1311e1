// Sites, their lines and the begin of attempts; see dispatcher.hpp.
#include <algorithm>

#include "queue/dispatcher.hpp"

namespace postroad::queue {

namespace {

constexpr std::chrono::hours longest_wait{24};  // a wall clock may have been set
constexpr std::chrono::hours look_at_line{1};
constexpr auto too_late = "5.4.7 not delivered within the time of DELIVERBY";

std::string suspended(const std::string& name, const Site& site) {
  return "delivery to " + name + " is suspended: " + site.reason();
}

}  // namespace

// DELIVERBY with return: no attempt after its time (RFC 2852 section 4.1.4).
bool Dispatcher::is_late(const Part& part) const {
  const auto left = time_left(part.handling, part.envelope, now_.wall);
  return left && left->count() <= 0 &&
         part.handling.asked.deliver_by->otherwise == DeliverBy::Else::give_up;
}

// To its carrier now, or into the site's line, or deferred because the site is suspended.
void Dispatcher::place(Active part) {
  if (is_late(part.part)) return decide(std::move(part), Outcome::refused, too_late);
  if (!part.carrier) {
    auto note = std::move(part.note);
    return decide(std::move(part), Outcome::deferred, std::move(note));
  }
  auto& line = line_of(part.site, part.carrier);
  if (line.site.is_suspended(now_.steady)) {
    auto note = suspended(part.site, line.site);
    return decide(std::move(part), Outcome::deferred, std::move(note));
  }
  if (!line.site.has_waiting() && line.site.may_start(now_.steady))
    return start_attempt(std::move(part), line);
  wait_in_line(part.site, line, part.part);
}

void Dispatcher::wait_in_line(const std::string& name, Line& line, const Part& part) {
  line.site.line().add(part.id, {.sender = sender_of(part.envelope),
                                 .priority = part.handling.priority(),
                                 .size = part.size});
  in_line_.emplace(part.id.value, &line);
  if (waiting_lines_.emplace(name, &line).second) ready_lines_.insert(name);
}

void Dispatcher::forget(const std::string& name) {
  if (const auto found = lines_.find(name); found != lines_.end()) {
    keep_learnt(name, found->second.site);
    lines_.erase(found);
  }
  const std::lock_guard lock(mutex_);
  troubles_.erase(name);
}

// A site of which nothing was learnt has a line only while it is used. The others are kept until
// there are many: their limits and failures are lost then.
void Dispatcher::forget_idle_lines() {
  std::vector<std::string> idle;
  for (const auto& [name, line] : lines_)
    if (line.site.is_idle(now_.steady)) idle.push_back(name);
  for (const auto& name : idle) forget(name);
  most_lines_ = std::max(first_sweep, 2 * lines_.size());
}

Dispatcher::Line& Dispatcher::line_of(const std::string& site,
                                      const std::shared_ptr<Carrier>& carrier) {
  if (lines_.size() >= most_lines_ && !lines_.contains(site)) forget_idle_lines();
  const auto [found, is_new] =
      lines_.try_emplace(site, Line{Site(carrier->site_limits(site), settings_.pauses)});
  auto& line = found->second;
  adopt(site, line, carrier);
  if (!is_new) return line;
  if (const auto known = learnt_.extract(site)) {
    const auto& learnt = known.mapped();
    if (learnt.limit > 0) line.site.remember(learnt.limit);
    const std::chrono::milliseconds left(learnt.waits_until - now_.wall);
    if (left.count() > 0)
      line.site.wait_until(now_.steady + std::min<std::chrono::milliseconds>(left, longest_wait),
                           learnt.reason);
  }
  return line;
}

// Another carrier is another destination, or another login there: nothing that is known of the site
// concerns it, and what the carrier before has not delivered yet goes to it.
void Dispatcher::adopt(const std::string& name, Line& line,
                       const std::shared_ptr<Carrier>& carrier) {
  const auto before = line.carrier.lock();
  line.site.set_limits(carrier->site_limits(name));
  if (before == carrier) return;
  line.carrier = carrier;
  line.site.reset();
  wake_line(name);
  tell_state(name, line);
  if (before) tell([&] { before->begin_stop(); });
}

// Its stop is waited for.
void Dispatcher::know(const std::shared_ptr<Carrier>& carrier) {
  const auto is_known = [&](const auto& weak) { return weak.lock() == carrier; };
  if (std::none_of(carriers_.begin(), carriers_.end(), is_known)) carriers_.push_back(carrier);
}

void Dispatcher::start_attempt(Active part, Line& line) {
  auto active = std::make_shared<Active>(std::move(part));
  active->part.site = active->site;
  auto& carrier = *active->carrier;
  know(active->carrier);
  active->began = line.site.started(now_.steady);
  count(*active);
  try {
    // The last reference must not go on the carrier's own thread, which its destructor joins.
    carrier.carry(active->part, [this, held = active](Attempt attempt) mutable {
      post([&](Inbox& inbox) { inbox.ended.push_back({std::move(held), std::move(attempt)}); });
    });
  } catch (...) {
    run_step(active, [&] {
      const auto why = "the attempt cannot begin: " + exception_text();
      auto attempt = same_for_all(active->part.recipients.size(), Outcome::deferred, why);
      attempt.site_failure = why;
      end_attempt({active, attempt});
    });
  }
}

bool Dispatcher::can_run(const Line& line) const {
  return line.site.has_waiting() &&
         (line.site.may_start(now_.steady) || line.site.is_suspended(now_.steady));
}

// A message that waited for the site is read again: what is open and where it goes may have
// changed. False: nothing of it goes there now.
bool Dispatcher::reopen(Active& opened, const std::string& site) {
  auto& part = opened.part;
  // A carrier may hold another part of the message: after a reload that part's recipients may
  // belong to this site.
  const auto [first, last] = active_.equal_range(part.id.value);
  const auto is_out = [from = first, to = last](std::uint32_t at) {
    return std::any_of(from, to, [at](const auto& one) {
      const auto& recipients = one.second->part.recipients;
      return std::find(recipients.begin(), recipients.end(), at) != recipients.end();
    });
  };
  part.recipients = open_recipients(part.envelope, settings_.settlement.on_unknown);
  std::erase_if(part.recipients, [&](std::uint32_t at) {
    if (is_out(at)) return true;
    auto route = routes_->route(part.envelope, part.handling, at);
    if (route.site != site || !route.carrier) return true;
    opened.carrier = std::move(route.carrier);
    return false;
  });
  // Those of a flush are not due by their own times; else the others wait for theirs.
  const auto is_late = [&](std::uint32_t at) {
    return time_until(part.envelope.recipients[at], settings_.settlement.retry, now_.wall).count() >
           0;
  };
  if (!std::all_of(part.recipients.begin(), part.recipients.end(), is_late))
    std::erase_if(part.recipients, is_late);
  opened.site = site;
  opened.covers_all =
      !active_.contains(part.id.value) && part.recipients.size() == count_open(part.envelope);
  return !part.recipients.empty();
}

void Dispatcher::wake_line(const std::string& name) {
  if (waiting_lines_.contains(name)) ready_lines_.insert(name);
}

void Dispatcher::wake_all_lines() {
  for (const auto& [name, line] : waiting_lines_) ready_lines_.insert(name);
}

bool Dispatcher::is_reported_now(spool::QueueId id) const {
  const auto [first, last] = active_.equal_range(id.value);
  return std::any_of(first, last, [](const auto& one) { return one.second->is_report; });
}

// Sites take turns where the attempts of all reach their limit.
void Dispatcher::run_lines() {
  for (; !line_wakes_.empty() && line_wakes_.begin()->first <= now_.steady;
       line_wakes_.erase(line_wakes_.begin()))
    ready_lines_.insert(line_wakes_.begin()->second);
  for (auto left = ready_lines_.size(); left > 0 && under_way_ < most_under_way; --left) {
    auto at = ready_lines_.upper_bound(last_line_);
    if (at == ready_lines_.end()) at = ready_lines_.begin();
    last_line_ = *at;
    const auto found = waiting_lines_.find(*at);
    if (found != waiting_lines_.end()) {
      auto& line = *found->second;
      run_line(found->first, line);
      if (can_run(line)) continue;  // it goes on in the next turn
      if (const auto wake = line.site.next_wake(now_.steady))
        line_wakes_.emplace(*wake, found->first);
      if (!line.site.has_waiting()) waiting_lines_.erase(found);
    }
    ready_lines_.erase(at);
  }
}

// A message in the line of a site that gets nothing for a time, or little, still ages: it is looked
// at again, for a notification of the delay or for the end of its lifetime.
void Dispatcher::look_again_later(spool::QueueId id) {
  const auto [first, last] = in_line_.equal_range(id.value);
  const bool is_slow = std::any_of(first, last, [this](const auto& one) {
    const auto& site = one.second->site;
    return site.paused_until() > now_.steady || site.limits().rate.count > 0;
  });
  if (is_slow) retry_at(id, now_.steady + look_at_line);
}

// True: the lifetime of the message is over, and its parts in lines are given up.
bool Dispatcher::give_up_in_lines(spool::QueueId id) {
  const auto opened = open(id);
  if (!opened) return false;
  const auto& envelope = opened->part.envelope;
  const auto& policy = settings_.settlement;
  const auto lifetime = lifetime_of(envelope, opened->part.handling, policy);
  const auto age = loaded_.age(id, released_at(opened->part.handling, envelope), now_);
  const bool is_over = (lifetime.count() > 0 && age >= lifetime);
  if (!is_over && !is_late(opened->part)) return false;
  bool has_ended = false;
  for (auto at = waiting_lines_.begin(); at != waiting_lines_.end();) {
    auto& [name, line] = *at;
    if (is_in_line(id, name)) {
      line->site.line().take_out({id.value});
      leave_line(id, *line);
      auto part = open(id);
      if (part && reopen(*part, name)) {
        has_ended = true;
        decide(std::move(*part), is_over ? Outcome::deferred : Outcome::refused,
               is_over ? "4.4.7 waited for " + name + ": " + line->site.reason() : too_late);
      }
    }
    at = line->site.has_waiting() ? std::next(at) : waiting_lines_.erase(at);
  }
  return has_ended;
}

void Dispatcher::run_line(const std::string& name, Line& line) {
  for (std::size_t i = 0;
       i < most_per_turn && under_way_ < most_under_way && !has_failed_ && can_run(line); ++i) {
    const auto id = *line.site.line().next();
    run_step(id, [&] { run_next(id, name, line); });
  }
}

void Dispatcher::run_next(spool::QueueId id, const std::string& name, Line& line) {
  leave_line(id, line);
  // Its sender is being told of other recipients: it comes again when that is on disk.
  if (is_reported_now(id)) return;
  if (after_.contains(id.value)) return part_ended(id, nullptr);
  auto opened = open(id);
  if (!opened || !reopen(*opened, name)) return part_ended(id, nullptr);
  adopt(name, line, opened->carrier);
  if (is_late(opened->part)) return decide(std::move(*opened), Outcome::refused, too_late);
  if (line.site.is_suspended(now_.steady))
    return decide(std::move(*opened), Outcome::deferred, suspended(name, line.site));
  start_attempt(std::move(*opened), line);
}

// The route of the first message in a site's line says which carrier the site has now. A site
// without a line gets the limit with its next message.
void Dispatcher::update_lines() {
  for (auto& [name, line] : lines_) {
    line.site.set_pauses(now_.steady, settings_.pauses);
    const auto first = line.site.line().any();
    auto opened = first ? open(*first) : std::nullopt;
    if (opened && reopen(*opened, name)) adopt(name, line, opened->carrier);
  }
}

}  // namespace postroad::queue
