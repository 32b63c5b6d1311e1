// See policy_support.hpp.
#include "policy_support.hpp"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>

#include "observe/sinks.hpp"

namespace postroad::loopback {

namespace {
constexpr std::chrono::seconds patience{20};  // reached only by a failing test
}  // namespace

void ScriptedPolicy::note(const std::string& hook, const server::SessionInfo& info) {
  asked_.push_back(hook);
  seen_[hook] = std::string(info.client) + ' ' + info.address.to_string() + ' ' +
                std::to_string(info.port) + ' ' + std::string(info.listener) + ' ' +
                std::string(info.host) + " helo=" + std::string(info.helo) +
                " login=" + std::string(info.login) + ' ' + std::string(info.protocol) +
                " tls=" + std::string(info.tls.version);
  bell_.notify_all();
}

void ScriptedPolicy::act(const std::string& hook, const server::SessionInfo& info,
                         server::Answer answer) {
  std::unique_lock lock(mutex_);
  note(hook, info);
  const auto found = plans_.find(hook);
  const auto plan = found == plans_.end() ? Plan{} : found->second;
  switch (plan.when) {
    case When::at_once:
      lock.unlock();
      return answer(plan.reply, plan.additions);
    case When::held:
      held_.push_back({std::move(answer), plan});
      bell_.notify_all();
      return;
    case When::dropped:
      return;
    case When::throws:
      throw std::runtime_error("the policy of " + hook + " threw this");
    case When::throws_other:
      throw 42;
  }
}

void ScriptedPolicy::release() {
  std::vector<Held> held;
  {
    const std::lock_guard lock(mutex_);
    held.swap(held_);
  }
  for (auto& one : held) one.answer(one.plan.reply, one.plan.additions);
}

bool ScriptedPolicy::wait_for_held(std::size_t count) {
  std::unique_lock lock(mutex_);
  return bell_.wait_for(lock, patience, [&] { return held_.size() >= count; });
}

bool ScriptedPolicy::wait_for(const std::string& hook, std::size_t count) {
  std::unique_lock lock(mutex_);
  return bell_.wait_for(lock, patience, [&] {
    return static_cast<std::size_t>(std::count(asked_.begin(), asked_.end(), hook)) >= count;
  });
}

std::vector<std::string> ScriptedPolicy::asked() {
  const std::lock_guard lock(mutex_);
  return asked_;
}

std::string ScriptedPolicy::seen(const std::string& hook) {
  const std::lock_guard lock(mutex_);
  return seen_[hook];
}

void ScriptedPolicy::connect(const server::SessionInfo& info, server::Answer answer) {
  act("connect", info, std::move(answer));
}
void ScriptedPolicy::helo(const server::SessionInfo& info, std::string_view,
                          server::Answer answer) {
  act("helo", info, std::move(answer));
}
void ScriptedPolicy::mail(const server::SessionInfo& info, const smtp::Transaction&,
                          server::Answer answer) {
  act("mail", info, std::move(answer));
}
void ScriptedPolicy::rcpt(const server::SessionInfo& info, const smtp::Transaction&, const Mailbox&,
                          server::Answer answer) {
  act("rcpt", info, std::move(answer));
}
void ScriptedPolicy::data(const server::SessionInfo& info, const smtp::Transaction&,
                          server::Answer answer) {
  act("data", info, std::move(answer));
}
void ScriptedPolicy::body(const server::SessionInfo& info, std::string_view,
                          server::Answer answer) {
  act("body", info, std::move(answer));
}
void ScriptedPolicy::message(const server::SessionInfo& info, const smtp::Transaction&,
                             server::Answer answer) {
  act("message", info, std::move(answer));
}
// A hook of another session that runs on the same thread may give an answer that is held: it is
// given later, and by the session's own thread.
void ScriptedPolicy::vrfy(const server::SessionInfo& info, std::string_view text,
                          server::Answer answer) {
  if (text == "release") release();
  act("vrfy", info, std::move(answer));
}
void ScriptedPolicy::expn(const server::SessionInfo& info, std::string_view,
                          server::Answer answer) {
  act("expn", info, std::move(answer));
}
void ScriptedPolicy::auth(const server::SessionInfo& info, const sasl::Credentials&,
                          server::Answer answer) {
  act("auth", info, std::move(answer));
}
void ScriptedPolicy::closed(const server::SessionInfo& info) {
  const std::lock_guard lock(mutex_);
  note("closed", info);
}

LogLines::LogLines(observe::Log& log) {
  log.add_sink(std::make_shared<observe::JsonSink>([state = state_](std::string_view line) {
                 const std::lock_guard lock(state->mutex);
                 state->lines.emplace_back(line);
                 state->bell.notify_all();
               }),
               observe::Level::debug);
}

std::string LogLines::wait_for(const std::vector<std::string>& parts) {
  std::unique_lock lock(state_->mutex);
  std::string found;
  state_->bell.wait_for(lock, patience, [&] {
    for (const auto& line : state_->lines) {
      const bool has_all = std::all_of(parts.begin(), parts.end(), [&](const auto& part) {
        return line.find(part) != std::string::npos;
      });
      if (has_all) found = line;
    }
    return !found.empty();
  });
  return found;
}

std::size_t LogLines::count(const std::string& part) {
  const std::lock_guard lock(state_->mutex);
  return static_cast<std::size_t>(
      std::count_if(state_->lines.begin(), state_->lines.end(),
                    [&](const auto& line) { return line.find(part) != std::string::npos; }));
}

PolicyServer::PolicyServer(server::PolicyChain policies, server::ListenerSettings listener,
                           server::GuardSettings limits)
    : guard(std::move(limits)), server(guard, log, {.threads = 1}) {
  listener.smtp.hostname = "mail.test.example";
  listener.policies = std::move(policies);
  port = server.listen(std::move(listener)).value();
  server.start(store);
}

Typist::Typist(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  const timeval longest{patience.count(), 0};
  ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &longest, sizeof longest);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    throw std::runtime_error("cannot connect");
}

Typist::~Typist() {
  if (socket_ >= 0) ::close(socket_);
}

void Typist::type(std::string_view lines) {
  (void)::send(socket_, lines.data(), lines.size(), MSG_NOSIGNAL);
}

bool Typist::read_some() {
  char buffer[4096];
  const auto got = ::recv(socket_, buffer, sizeof buffer, 0);
  if (got <= 0) return false;
  input_.append(buffer, static_cast<std::size_t>(got));
  return true;
}

std::string Typist::reply() {
  std::size_t line = 0;
  for (;;) {
    const auto end = input_.find("\r\n", line);
    if (end == std::string::npos) {
      if (!read_some()) return {};
      continue;
    }
    const bool is_last = input_[line + 3] != '-';
    line = end + 2;
    if (!is_last) continue;
    auto whole = input_.substr(0, end);
    input_.erase(0, line);
    return whole;
  }
}

std::string Typist::say(std::string_view line) {
  type(std::string(line) + "\r\n");
  return reply();
}

bool Typist::has_reply(std::chrono::milliseconds longest) const {
  pollfd waiting{socket_, POLLIN, 0};
  return !input_.empty() || ::poll(&waiting, 1, static_cast<int>(longest.count())) == 1;
}

bool Typist::is_at_end() { return input_.empty() && !read_some(); }

void Typist::vanish() {
  const linger at_once{1, 0};
  ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  ::close(std::exchange(socket_, -1));
}

}  // namespace postroad::loopback
