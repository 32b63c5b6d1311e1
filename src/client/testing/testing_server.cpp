// The server machine, driven by src/net, with the test's rules as its consultant; see
// postroad/testing.hpp.
#include <postroad/testing.hpp>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "base/text.hpp"
#include "net/as_values.hpp"
#include "net/drive.hpp"
#include "net/testing/test_certificates.hpp"
#include "proto/smtp/server/server_machine.hpp"

namespace postroad::testing {

namespace asio = boost::asio;
using asio::awaitable;
using asio::ip::tcp;

namespace {

using net::as_values;

smtp::ServerOptions machine_options(const ServerOptions& asked) {
  smtp::ServerOptions options;
  options.hostname = "mail.example";
  options.banner = "test server";
  options.tls = asked.encryption == Encryption::starttls   ? smtp::TlsMode::offered
                : asked.encryption == Encryption::implicit ? smtp::TlsMode::implicit
                                                           : smtp::TlsMode::none;
  const auto has = [&](std::string_view keyword) {
    return std::find(asked.extensions.begin(), asked.extensions.end(), keyword) !=
           asked.extensions.end();
  };
  options.extensions.chunking = has("CHUNKING");
  options.extensions.binary_mime = has("BINARYMIME");
  options.extensions.dsn = has("DSN");
  options.extensions.limits_keyword = has("LIMITS");
  options.extensions.require_tls = has("REQUIRETLS");
  options.extensions.deliver_by = has("DELIVERBY");
  options.extensions.future_release = has("FUTURERELEASE");
  options.extensions.mt_priority = has("MT-PRIORITY");
  options.extensions.prdr = has("PRDR");
  options.auth = options.allow_auth_in_clear = has("AUTH");
  options.mechanisms = {"SCRAM-SHA-256", "PLAIN", "LOGIN", "OAUTHBEARER", "XOAUTH2"};
  options.lmtp = asked.lmtp;
  options.limits.recipients = asked.max_recipients;
  options.limits.messages = asked.max_messages;
  options.limits.errors = 1'000'000;  // a test may refuse any number of commands
  return options;
}

}  // namespace

struct Server::State {
  explicit State(const ServerOptions& asked);

  awaitable<void> accept();
  Act decide(Stage stage, std::string_view argument, std::uint64_t session);
  sasl::Keys keys_of(const std::string& user, std::string_view mechanism);

  bool lmtp;
  Encryption encryption;
  smtp::ServerOptions options;
  net::TestCertificates certificates;
  std::optional<net::TlsContext> tls;

  mutable std::mutex mutex;
  mutable std::condition_variable arrived;
  std::map<std::pair<Stage, std::string>, Act> rules;
  std::function<Act(Stage, std::string_view, std::uint64_t)> decider;
  std::map<std::string, std::string> users;
  std::vector<Received> messages;
  std::uint64_t count = 0;

  asio::io_context context{1};
  asio::executor_work_guard<asio::io_context::executor_type> guard = asio::make_work_guard(context);
  tcp::acceptor acceptor{context};
  net::BufferPool buffers;
  struct TestSession;
  std::set<TestSession*> open;
  std::thread thread;
};

// One session; also the consultant of its machine.
struct Server::State::TestSession {
  TestSession(State& owner, tcp::socket socket, std::uint64_t which)
      : state(owner), number(which), stream(std::move(socket)), machine(owner.options) {
    state.open.insert(this);
  }
  ~TestSession() { state.open.erase(this); }
  TestSession(const TestSession&) = delete;
  TestSession& operator=(const TestSession&) = delete;

  awaitable<void> run() {
    if (state.encryption == Encryption::implicit) {
      const auto facts =
          co_await handshake(stream, proto::Clock::now() + state.options.limits.handshake);
      if (!facts) co_return;
      machine.tls_up(*facts);
    }
    co_await net::drive(stream, machine, *this, {.buffers = &state.buffers});
    stream.close();
  }

  awaitable<Result<proto::TlsFacts>> handshake(net::Stream& on, net::Time deadline) const {
    if (!state.tls) co_return fail(Fault::tls, {}, "no certificate");
    co_return co_await on.handshake_server(*state.tls, deadline);
  }

  // An act that must wait is kept for `answer`.
  bool answer_now(smtp::ServerMachine&) {
    const auto& question = machine.question();
    if (const auto* body = std::get_if<smtp::AskBody>(&question)) {
      draft += body->bytes;
      machine.answered({});
      return true;
    }
    if (const auto* keys = std::get_if<smtp::AskKeys>(&question)) {
      machine.answered_keys(state.keys_of(keys->user, keys->mechanism));
      return true;
    }
    act = decide(question);
    if (act.kind == Act::Kind::stall) return false;
    const auto* end = std::get_if<smtp::AskEnd>(&question);
    const bool keeps = end != nullptr && end->keep &&
                       (act.kind == Act::Kind::accept || act.kind == Act::Kind::keep_and_cut ||
                        act.reply.is_success());
    if (keeps) keep();
    if (act.kind == Act::Kind::cut || act.kind == Act::Kind::keep_and_cut) {
      stream.close();
      machine.closed();
      return true;
    }
    machine.answered(act.kind == Act::Kind::answer ? act.reply : usual(question));
    return true;
  }

  awaitable<void> answer(smtp::ServerMachine&) {
    // Waits until the client closes or the server is destroyed.
    std::array<char, 512> dropped{};
    for (;;) {
      const auto n = co_await stream.read(dropped, proto::Time::max());
      if (!n || *n == 0) break;
    }
    stream.close();
    machine.closed();
  }

  Act decide(const smtp::Question& question) {
    if (std::holds_alternative<smtp::AskConnect>(question))
      return state.decide(Stage::connect, {}, number);
    if (const auto* helo = std::get_if<smtp::AskHelo>(&question))
      return state.decide(Stage::ehlo, helo->name, number);
    if (const auto* auth = std::get_if<smtp::AskAuth>(&question))
      return state.decide(Stage::auth, auth->credentials.user, number);
    if (const auto* mail = std::get_if<smtp::AskMail>(&question))
      return state.decide(Stage::mail, mail->transaction.reverse_path.text(), number);
    if (const auto* rcpt = std::get_if<smtp::AskRcpt>(&question))
      return state.decide(Stage::rcpt, rcpt->recipient.text(), number);
    if (std::holds_alternative<smtp::AskData>(question)) {
      draft.clear();
      return state.decide(Stage::data, {}, number);
    }
    if (const auto* end = std::get_if<smtp::AskEnd>(&question); end != nullptr && end->keep)
      return state.decide(Stage::end_of_data, {}, number);
    return {};
  }

  Reply usual(const smtp::Question& question) {
    const auto* auth = std::get_if<smtp::AskAuth>(&question);
    if (auth == nullptr) return {};
    const auto& credentials = auth->credentials;
    const std::lock_guard lock(state.mutex);
    const auto user = state.users.find(credentials.user);
    const auto& secret = credentials.token.empty() ? credentials.password : credentials.token;
    const bool right =
        user != state.users.end() && credentials.proven.value_or(user->second == secret.reveal());
    return right ? Reply{235, {2, 7, 0}, "Authentication successful"}
                 : Reply{535, {5, 7, 8}, "authentication failed"};
  }

  void keep() {
    const auto& transaction = machine.transaction();
    Received message{
        {transaction.reverse_path, transaction.recipients, {}, {}}, std::move(draft), number};
    if (transaction.options) message.envelope.options = *transaction.options;
    message.envelope.recipient_options = transaction.asked_of_recipients();
    draft.clear();
    const std::lock_guard lock(state.mutex);
    state.messages.push_back(std::move(message));
    state.arrived.notify_all();
  }

  State& state;
  std::uint64_t number;
  net::Stream stream;
  smtp::ServerMachine machine;
  std::string draft;
  Act act;
};

Server::State::State(const ServerOptions& asked)
    : lmtp(asked.lmtp), encryption(asked.encryption), options(machine_options(asked)) {
  if (encryption != Encryption::none) {
    auto made =
        net::TlsContext::server({.certificate = certificates.make(asked.certificate),
                                 .key = {},
                                 .client_ca = {},
                                 .allow_expired = asked.certificate == Certificate::expired});
    if (!made) {
      std::fprintf(stderr, "test server: %s\n", made.error().text().c_str());
      std::abort();
    }
    tls = std::move(*made);
  }
  const tcp::endpoint endpoint(asio::ip::address_v4::loopback(), 0);
  boost::system::error_code error;
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) {
    std::fprintf(stderr, "test server cannot listen: %s\n", error.message().c_str());
    std::abort();
  }
  asio::co_spawn(context, accept(), [](const std::exception_ptr&) {});
  thread = std::thread([this] { context.run(); });
}

awaitable<void> Server::State::accept() {
  for (;;) {
    auto [error, socket] = co_await acceptor.async_accept(as_values);
    if (error) co_return;
    std::uint64_t number = 0;
    {
      const std::lock_guard lock(mutex);
      number = ++count;
    }
    auto session = std::make_unique<TestSession>(*this, std::move(socket), number);
    auto run = session->run();
    asio::co_spawn(
        context, std::move(run),
        [session = std::move(session)](const std::exception_ptr&) mutable { session.reset(); });
  }
}

Act Server::State::decide(Stage stage, std::string_view argument, std::uint64_t session) {
  std::function<Act(Stage, std::string_view, std::uint64_t)> by;
  {
    const std::lock_guard lock(mutex);
    if (!decider) {
      auto found = rules.find({stage, std::string(argument)});
      if (found == rules.end()) found = rules.find({stage, {}});
      return found == rules.end() ? Act{} : found->second;
    }
    by = decider;
  }
  return by(stage, argument, session);
}

sasl::Keys Server::State::keys_of(const std::string& user, std::string_view) {
  std::string password = "no password";
  sasl::Keys keys;
  {
    const std::lock_guard lock(mutex);
    const auto found = users.find(user);
    keys.is_known = found != users.end();
    if (keys.is_known) password = found->second;
  }
  keys.scram = sasl::ScramKeys::derive(crypto::Digest::sha256, password, "a salt for tests", 4096);
  return keys;
}

Server::Server(ServerOptions options) : state_(std::make_unique<State>(options)) {}

Server::~Server() {
  asio::post(state_->context, [state = state_.get()] {
    boost::system::error_code ignored;
    state->acceptor.close(ignored);
    for (auto* session : state->open) session->stream.close();
    state->guard.reset();
  });
  state_->thread.join();
}

std::string Server::url() const {
  const std::string scheme = state_->encryption == Encryption::implicit ? "smtps"
                             : state_->lmtp                             ? "lmtp"
                                                                        : "smtp";
  return scheme + "://127.0.0.1:" + std::to_string(port());
}

std::uint16_t Server::port() const { return state_->acceptor.local_endpoint().port(); }
std::string Server::ca_file() const { return state_->certificates.ca_file(); }

void Server::add_user(const std::string& name, const std::string& password) {
  const std::lock_guard lock(state_->mutex);
  state_->users[name] = password;
}

void Server::Rule::set(Act act) {
  const std::lock_guard lock(server_.state_->mutex);
  server_.state_->rules[{stage_, argument_}] = std::move(act);
}

void Server::decide_by(std::function<Act(Stage, std::string_view, std::uint64_t)> decide) {
  const std::lock_guard lock(state_->mutex);
  state_->decider = std::move(decide);
}

std::vector<Received> Server::received() const {
  const std::lock_guard lock(state_->mutex);
  return state_->messages;
}

bool Server::wait_for(std::size_t count, std::chrono::milliseconds patience) const {
  std::unique_lock lock(state_->mutex);
  return state_->arrived.wait_for(lock, patience, [&] { return state_->messages.size() >= count; });
}

std::uint64_t Server::sessions() const {
  const std::lock_guard lock(state_->mutex);
  return state_->count;
}

}  // namespace postroad::testing
