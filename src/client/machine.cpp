// The public interface of smtp::ClientMachine; see postroad/machine.hpp.
#include <postroad/machine.hpp>

#include <algorithm>
#include <utility>

#include "client/settings.hpp"
#include "proto/smtp/client/client_machine.hpp"

namespace postroad {

namespace {

constexpr std::size_t slice_size = 65536;  // the machine keeps a dot-stuffed copy

}  // namespace

struct Machine::State {
  State(std::string_view text, std::optional<Login> with_login, ClientOptions with_options)
      : login(std::move(with_login)), options(std::move(with_options)) {
    auto settled = client::settle(text, login, options);
    if (settled)
      url = std::move(*settled);
    else
      invalid_reason = settled.error();
  }

  // Without a successful `open` there is no session to continue.
  template <class Begin>
  void begin(Stage stage, Begin begin) {
    rest = {};
    if (machine) return begin(*machine);
    if (invalid_reason) return;
    invalid_reason = fail(Fault::closed, url.server(), "the connection is not open");
    invalid_reason->stage = stage;
  }

  std::optional<Login> login;
  ClientOptions options;
  client::Url url;
  std::optional<Error> invalid_reason;
  std::optional<smtp::ClientMachine> machine;
  bool wants_body = false;  // the last wish
  std::string_view rest;    // of the chunk that the source returned last
};

Machine::Machine(std::string_view url, ClientOptions options)
    : state_(std::make_unique<State>(url, std::nullopt, std::move(options))) {}
Machine::Machine(std::string_view url, Login login, ClientOptions options)
    : state_(std::make_unique<State>(url, std::move(login), std::move(options))) {}
Machine::Machine(Machine&&) noexcept = default;
Machine& Machine::operator=(Machine&&) noexcept = default;
Machine::~Machine() = default;

std::string Machine::host() const { return state_->url.host; }
std::uint16_t Machine::port() const { return state_->url.port; }

void Machine::open() {
  auto& state = *state_;
  if (state.invalid_reason || state.machine) return;
  auto options = client::machine_options(state.url, state.login, state.options);
  if (!options) {
    state.invalid_reason = options.error();
    return;
  }
  state.machine.emplace(std::move(*options));
  state.machine->open();
}

void Machine::send(Envelope envelope, const MessageSource& source) {
  state_->begin(Stage::mail, [&](smtp::ClientMachine& machine) {
    machine.send({.envelope = std::move(envelope),
                  .size = source.size(),
                  .is_8bit = source.is_8bit(),
                  .is_binary = source.is_binary(),
                  .needs_utf8 = source.needs_utf8()});
  });
}

void Machine::command(std::string_view verb, std::string_view argument) {
  state_->begin(stage_of(verb),
                [&](smtp::ClientMachine& machine) { machine.command(verb, argument); });
}

void Machine::quit() {
  if (state_->machine) state_->machine->quit();
}

Machine::Action Machine::next(Time now) {
  if (!state_->machine) return {.deadline = Time::max()};
  auto action = state_->machine->next(now);
  state_->wants_body = action.wish == Wish::consult;
  if (state_->wants_body || action.wish == Wish::done) action.deadline = Time::max();
  return action;
}

void Machine::sent(std::size_t bytes) {
  if (state_->machine) state_->machine->sent(bytes);
}
void Machine::received(std::string_view bytes) {
  if (state_->machine) state_->machine->received(bytes);
}
void Machine::closed() {
  if (state_->machine) state_->machine->closed();
}
void Machine::tls_up(TlsFacts facts) {
  if (!state_->machine) return;
  proto::TlsFacts settled;
  settled.verified = facts.verified;
  settled.binding = {std::move(facts.exporter), std::move(facts.end_point)};
  state_->machine->tls_up(std::move(settled));
}
void Machine::failed(const Error& error) {
  if (state_->machine) state_->machine->failed(error);
}
void Machine::timed_out() { failed(fail(Fault::timeout, {}, "no answer in time")); }

void Machine::body(std::string_view bytes) {
  if (state_->wants_body) state_->machine->body(bytes);
}
void Machine::body_end() {
  if (std::exchange(state_->wants_body, false)) state_->machine->body_end();
}
void Machine::body_failed(const Error& error) {
  if (std::exchange(state_->wants_body, false)) state_->machine->body_failed(error);
}
void Machine::body_from(MessageSource& source) {
  if (!state_->wants_body) return;
  auto& rest = state_->rest;
  if (rest.empty()) {
    const auto chunk = source.next();
    if (!chunk) return body_failed(chunk.error());
    if (chunk->empty()) return body_end();
    rest = *chunk;
  }
  body(rest.substr(0, slice_size));
  rest.remove_prefix(std::min(slice_size, rest.size()));
}

const std::optional<Error>& Machine::error() const {
  return state_->machine ? state_->machine->error() : state_->invalid_reason;
}
Result<void> Machine::opened() const {
  if (error()) return *error();
  return {};
}
Result<SendReport> Machine::report() const {
  if (!state_->machine) return client::judge(error(), {});
  return client::judge(error(), state_->machine->report());
}
Result<Reply> Machine::reply() const {
  if (error()) return *error();
  return state_->machine ? state_->machine->reply() : Reply{};
}
bool Machine::is_usable() const { return state_->machine && state_->machine->is_usable(); }
std::vector<std::string> Machine::capabilities() const {
  return state_->machine ? state_->machine->capabilities().lines : std::vector<std::string>{};
}

}  // namespace postroad
