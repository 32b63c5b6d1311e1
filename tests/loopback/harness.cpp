// The loopback harness; see harness.hpp.
#include "harness.hpp"

#include "crypto/hmac_md5.hpp"
#include "net/testing/test_certificates.hpp"

namespace postroad::loopback {

namespace {

class MemorySink final : public server::MessageSink {
 public:
  MemorySink(MemoryStore& store, Arrived message) : store_(store), message_(std::move(message)) {}
  Result<void> append(std::string_view bytes) override {
    message_.bytes += bytes;
    return {};
  }
  [[nodiscard]] bool ready() const override { return true; }
  void when_ready(std::function<void()> resume) override { resume(); }
  void commit(server::Additions additions, std::function<void(Reply)> done) override {
    message_.bytes.insert(0, additions.header);
    message_.options = std::move(additions.options);
    const auto reply = store_.commit_reply;
    if (reply.code < 400) store_.keep(std::move(message_));
    done(reply.code != 0 ? reply : Reply{250, {2, 0, 0}, "Ok: queued as TEST"});
  }

 private:
  MemoryStore& store_;
  Arrived message_;
};

}  // namespace

server::Store::Opened MemoryStore::open(const server::SessionInfo& info,
                                        const smtp::Transaction& transaction) {
  Arrived message;
  message.reverse_path = transaction.reverse_path.text();
  message.protocol = info.protocol;
  message.login = info.login;
  for (const auto& recipient : transaction.recipients)
    message.recipients.push_back(recipient.text());
  return {std::make_unique<MemorySink>(*this, std::move(message)), {}};
}

std::vector<Arrived> MemoryStore::arrived() const {
  const std::lock_guard lock(mutex_);
  return arrived_;
}

void MemoryStore::keep(Arrived message) {
  const std::lock_guard lock(mutex_);
  arrived_.push_back(std::move(message));
}

void TablePolicy::rcpt(const server::SessionInfo&, const smtp::Transaction&,
                       const Mailbox& recipient, server::Answer answer) {
  const auto found = rcpt_replies.find(recipient.text());
  answer(found == rcpt_replies.end() ? Reply{} : found->second);
}

void TablePolicy::auth(const server::SessionInfo&, const sasl::Credentials& credentials,
                       server::Answer answer) {
  const auto user = users.find(credentials.user);
  const auto& secret = credentials.token.empty() ? credentials.password : credentials.token;
  const bool is_right = user != users.end() && user->second == secret.reveal();
  answer(is_right ? server::login_accepted() : server::login_refused());
}

std::optional<sasl::Keys> TablePolicy::keys(std::string_view name, std::string_view mechanism) {
  const auto user = users.find(std::string(name));
  sasl::Keys keys;
  keys.is_known = user != users.end();
  const auto password = keys.is_known ? user->second : std::string("nobody's");
  keys.cram_md5 = crypto::hmac_md5_key(password);
  keys.scram = sasl::ScramKeys::derive(
      mechanism.starts_with("SCRAM-SHA-256") ? crypto::Digest::sha256 : crypto::Digest::sha1,
      password, "sixteen bytes!!!", 4096);
  return keys;
}

const Certificates& Certificates::get() {
  static net::TestCertificates made;
  static const Certificates certificates{made.make(net::Certificate::good), made.ca_file()};
  return certificates;
}

Harness::Harness(smtp::ServerOptions options, bool with_tls) : server(guard, log, {.threads = 2}) {
  server::ListenerSettings listener;
  listener.role = server::Role::mx;
  listener.smtp = std::move(options);
  listener.policies = {{std::shared_ptr<void>(), &policy}};
  if (with_tls) {
    const auto& certificates = Certificates::get();
    listener.tls =
        net::TlsContext::server(
            {.certificate = certificates.server, .key = certificates.server, .client_ca = {}})
            .value();
  }
  port = server.listen(std::move(listener)).value();
  server.start(store);
}

Harness::~Harness() { server.stop(std::chrono::milliseconds(2000)); }

std::string Harness::url(const std::string& scheme) const {
  return scheme + "://127.0.0.1:" + std::to_string(port);
}

}  // namespace postroad::loopback
