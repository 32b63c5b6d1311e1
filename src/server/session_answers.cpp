// The machine's questions, answered by guard, policies and store; see session.hpp.
//
// One question: the guard's limits (`check_before`), the policies one after the other (`go_on`),
// what follows from their answer (`check_after`). If every policy answers at once, that is all
// plain calls. If one does not, `answer` waits and goes on from there.
#include <algorithm>
#include <boost/asio/this_coro.hpp>
#include <variant>

#include "net/callback.hpp"
#include "server/events.hpp"
#include "server/session.hpp"

namespace postroad::server {

namespace {

Reply not_stored(const Error& error) {
  if (error.fault == Fault::full)
    return {452, {4, 3, 1}, "insufficient system storage, try again later"};
  return {451, {4, 3, 0}, "the message could not be stored, try again later"};
}

// The reply when a policy does not answer.
Reply unanswered(const smtp::Question& question) {
  if (std::holds_alternative<smtp::AskAuth>(question)) return login_unavailable();
  const int code = std::holds_alternative<smtp::AskConnect>(question) ? 421 : 451;
  return {code, {4, 3, 0}, "a policy check did not answer in time, try again later"};
}

bool asks_for_words(const smtp::Question& question) {
  return std::holds_alternative<smtp::AskVrfy>(question) ||
         std::holds_alternative<smtp::AskExpn>(question);
}

// The hook that belongs to a question.
struct Hook {
  SessionPolicy& policy;
  const SessionInfo& info;
  const smtp::Transaction& transaction;
  Answer answer;

  void operator()(const smtp::AskConnect&) { policy.connect(info, std::move(answer)); }
  void operator()(const smtp::AskHelo& ask) { policy.helo(info, ask.name, std::move(answer)); }
  void operator()(const smtp::AskMail& ask) {
    policy.mail(info, ask.transaction, std::move(answer));
  }
  void operator()(const smtp::AskRcpt& ask) {
    policy.rcpt(info, transaction, ask.recipient, std::move(answer));
  }
  void operator()(const smtp::AskData&) { policy.data(info, transaction, std::move(answer)); }
  void operator()(const smtp::AskBody& ask) {
    if (!policy.reads_bodies()) return answer();
    policy.body(info, ask.bytes, std::move(answer));
  }
  void operator()(const smtp::AskEnd&) { policy.message(info, transaction, std::move(answer)); }
  void operator()(const smtp::AskAuth& ask) {
    policy.auth(info, ask.credentials, std::move(answer));
  }
  void operator()(const smtp::AskKeys&) { answer(); }
  void operator()(const smtp::AskVrfy& ask) { policy.vrfy(info, ask.text, std::move(answer)); }
  void operator()(const smtp::AskExpn& ask) { policy.expn(info, ask.text, std::move(answer)); }
  void operator()(const smtp::AskXclient& ask) {
    const auto& names = ask.attributes;
    const bool has_address = std::any_of(names.begin(), names.end(),
                                         [](const auto& name) { return name.first == "ADDR"; });
    if (!has_address) return answer();
    policy.connect(info, std::move(answer));
  }
};

}  // namespace

void Session::put(SessionPolicy& policy, Answer answer) {
  was_asked_about_ = true;
  const auto now = info();
  std::visit(Hook{policy, now, machine_.transaction(), std::move(answer)}, machine_.question());
}

bool Session::go_on(Inquiry& inquiry) {
  return inquiry.go_on(listener_->policies, [this](SessionPolicy& policy, Answer answer) {
    put(policy, std::move(answer));
  });
}

// Until every policy has answered, or one has refused. A session that was aborted meanwhile waits
// for nothing. False: a stop ended the wait, as no message is under way.
boost::asio::awaitable<bool> Session::wait_for_policies(Inquiry& inquiry) {
  while (inquiry.is_waiting()) {
    const bool is_over = !stream_.is_open() || machine_.is_stopped();
    const auto patience = is_over ? std::chrono::milliseconds(0) : listener_->policy_timeout;
    boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor, patience);
    timer_ = &timer;
    const bool is_answered = co_await inquiry.wait(timer);
    timer_ = nullptr;
    if (!is_answered) {
      if (machine_.is_stopped()) co_return false;
      if (stream_.is_open()) policy_timed_out(services_.log, info(), patience);
      inquiry.refuse(unanswered(machine_.question()), "a policy did not answer in time");
    }
    if (go_on(inquiry)) break;
  }
  co_return true;
}

// A refusal that no policy can change; code 0: none.
Reply Session::check_before() {
  const auto& question = machine_.question();
  const auto now = proto::Clock::now();
  if (const auto* mail = std::get_if<smtp::AskMail>(&question)) {
    if (!visit_.has(Counted::bytes, now))
      return limited("bytes", {450, {4, 7, 1}, "message volume limit exceeded, try again later"});
    auto reply = services_.store.room(mail->transaction.declared_size.value_or(0));
    return reply.code >= 400 ? limited("room", std::move(reply)) : Reply{};
  }
  if (std::holds_alternative<smtp::AskRcpt>(question)) {
    // A client that looks for names by RCPT is refused in this session, as in its next one.
    charge(now);
    if (visit_.has(Counted::errors, now)) return {};
    return limited("errors", {421,
                              {4, 7, 0},
                              listener_->smtp.hostname +
                                  " too many errors from your address, try again later"});
  }
  if (const auto* xclient = std::get_if<smtp::AskXclient>(&question))
    return take_xclient_address(xclient->attributes);
  if (asks_for_words(question) && !visit_.take(Counted::lookups, now))
    return limited("lookups", {450, {4, 7, 1}, "too many lookups from you, try again later"});
  return {};
}

// The effects of the policies' answer: a log line, a limit, storage for the message.
Reply Session::check_after(Reply reply) {
  const auto& question = machine_.question();
  const auto now = proto::Clock::now();
  const bool is_refused = reply.code >= 400;
  if (const auto* mail = std::get_if<smtp::AskMail>(&question)) {
    if (is_refused) sender_refused(services_.log, info(), mail->transaction, reply);
    if (is_refused || visit_.take(Counted::messages, now)) return reply;
    return limited("messages", {450, {4, 7, 1}, "too many messages from you, try again later"});
  }
  if (const auto* rcpt = std::get_if<smtp::AskRcpt>(&question)) {
    if (is_refused)
      recipient_refused(services_.log, info(), machine_.transaction(), rcpt->recipient, reply);
    if (is_refused || visit_.take(Counted::recipients, now)) return reply;
    return limited("recipients", {450, {4, 7, 1}, "too many recipients from you, try again later"});
  }
  if (const auto* xclient = std::get_if<smtp::AskXclient>(&question))
    return is_refused ? limited("address", std::move(reply)) : check_xclient(xclient->attributes);
  if (std::holds_alternative<smtp::AskConnect>(question))
    return is_refused ? limited("address", std::move(reply)) : Reply{};
  if (std::holds_alternative<smtp::AskData>(question) && !is_refused) return open_sink();
  return reply;
}

bool Session::answer_now(smtp::ServerMachine& machine) {
  const auto& question = machine.question();
  if (std::holds_alternative<smtp::AskAuth>(question)) return false;
  if (const auto* keys = std::get_if<smtp::AskKeys>(&question)) {
    machine.answered_keys(find_keys(keys->user, keys->mechanism));
    return true;
  }
  if (const auto* body = std::get_if<smtp::AskBody>(&question)) return take_body(body->bytes);
  if (const auto* end = std::get_if<smtp::AskEnd>(&question)) return end_message(*end);
  if (std::holds_alternative<smtp::AskConnect>(question)) {
    if (greeting_) inquiry_.reset();
    if (inquiry_) return false;
    const auto greeting = std::move(greeting_);
    machine.answered(greeting ? *greeting : Reply{});
    return true;
  }
  if (std::holds_alternative<smtp::AskHelo>(question))
    machine.tell_time(std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()));
  auto reply = check_before();
  if (reply.code < 400) {
    Inquiry inquiry(asks_for_words(question) ? Inquiry::Ends::at_answer
                                             : Inquiry::Ends::at_refusal);
    if (!go_on(inquiry)) return wait_later(std::move(inquiry));
    reply = check_after(std::move(inquiry.reply()));
  }
  machine.answered(reply);
  return true;
}

bool Session::wait_later(Inquiry inquiry) {
  inquiry_ = std::make_unique<Inquiry>(std::move(inquiry));
  return false;
}

// One coroutine for each kind of question, not one around them: Asio keeps the memory of only two
// frames for the next message.
boost::asio::awaitable<void> Session::answer(smtp::ServerMachine& machine) {
  const auto& question = machine.question();
  if (const auto* auth = std::get_if<smtp::AskAuth>(&question))
    return check_login(auth->credentials);
  if (const auto* body = std::get_if<smtp::AskBody>(&question)) return answer_body(body->bytes);
  if (std::holds_alternative<smtp::AskEnd>(question)) return answer_end();
  return answer_command();
}

boost::asio::awaitable<void> Session::answer_command() {
  const auto inquiry = std::move(inquiry_);
  const bool is_answered = co_await wait_for_policies(*inquiry);
  if (!is_answered) co_return machine_.withdraw_question();
  machine_.answered(check_after(std::move(inquiry->reply())));
}

sasl::Keys Session::find_keys(std::string_view user, std::string_view mechanism) {
  for (const auto& policy : listener_->policies) {
    if (auto keys = policy->keys(user, mechanism)) return std::move(*keys);
  }
  return {};
}

Reply Session::open_sink() {
  auto opened = services_.store.open(info(), machine_.transaction());
  sink_ = std::move(opened.sink);
  data_began_ = proto::Clock::now();
  return opened.refusal;
}

Reply Session::keep(std::string_view bytes) {
  const auto kept = sink_->append(bytes);
  if (kept) return {};
  store_refused(services_.log, info(), kept.error());
  sink_.reset();
  return not_stored(kept.error());
}

bool Session::take_body(std::string_view bytes) {
  Inquiry inquiry;
  if (!go_on(inquiry)) return wait_later(std::move(inquiry));
  const auto reply = take_checked_body(inquiry, bytes);
  if (sink_ && !sink_->ready()) return false;
  machine_.answered(reply);
  return true;
}

Reply Session::take_checked_body(Inquiry& inquiry, std::string_view bytes) {
  if (!inquiry.is_refused()) return keep(bytes);
  sink_.reset();
  return std::move(inquiry.reply());
}

// Without an inquiry the bytes are kept already, and the store is behind.
boost::asio::awaitable<void> Session::answer_body(std::string_view bytes) {
  Reply reply;
  if (const auto inquiry = std::move(inquiry_)) {
    (void)co_await wait_for_policies(*inquiry);
    reply = take_checked_body(*inquiry, bytes);
  }
  if (auto* sink = sink_.get(); sink != nullptr && !sink->ready()) {
    co_await net::wait_for<bool>(
        [sink](auto resume) { sink->when_ready([resume]() mutable { resume(true); }); });
  }
  machine_.answered(reply);
}

bool Session::end_message(const smtp::AskEnd& end) {
  if (!end.keep) {
    drop_message(*end.why);
    machine_.answered({});
    return true;
  }
  Inquiry inquiry;
  if (!go_on(inquiry)) return wait_later(std::move(inquiry));
  if (inquiry.is_refused()) {
    drop_message(inquiry.reply());
    machine_.answered(inquiry.reply());
    return true;
  }
  if (!inquiry.additions().is_empty()) return wait_later(std::move(inquiry));
  return false;  // the commit takes time
}

// A `why` with code 0 is not a reply: the client abandoned the message.
void Session::drop_message(const Reply& why) {
  charge(proto::Clock::now());
  const auto facts = message_facts();
  if (why.code == 0)
    message_abandoned(services_.log, info(), machine_.transaction(), facts, why.text);
  else
    message_ended(services_.log, info(), machine_.transaction(), facts, why);
  sink_.reset();
}

boost::asio::awaitable<void> Session::answer_end() {
  Additions additions;
  if (const auto inquiry = std::move(inquiry_)) {
    (void)co_await wait_for_policies(*inquiry);
    if (inquiry->is_refused()) {
      drop_message(inquiry->reply());
      machine_.answered(inquiry->reply());
      co_return;
    }
    additions = std::move(inquiry->additions());
  }
  auto& sink = *sink_;
  const auto reply = co_await net::wait_for<Reply>(
      [&](auto resume) { sink.commit(std::move(additions), std::move(resume)); });
  charge(proto::Clock::now());
  message_ended(services_.log, info(), machine_.transaction(), message_facts(), reply);
  if (reply.is_success()) ++messages_;
  sink_.reset();
  machine_.answered(reply);
}

MessageFacts Session::message_facts() const {
  return {sink_ ? sink_->id() : std::string(), machine_.message_bytes(),
          proto::Clock::now() - data_began_};
}

}  // namespace postroad::server
