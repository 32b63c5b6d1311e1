// The peers that a handshake accepts, by names and by TLSA records: our own stream, and the openssl
// command.
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "net/stream.hpp"
#include "net/testing/test_certificates.hpp"
#include "net/tls.hpp"

namespace postroad::net {
namespace {

using namespace std::chrono_literals;
using Facts = Result<proto::TlsFacts>;

struct Ends {
  Facts client = fail(Fault::busy, "the test", "no handshake");
  Facts server = fail(Fault::busy, "the test", "no handshake");
};

/// One handshake over a socket pair on loopback.
Ends shake_hands(const TlsContext& client, const TlsPeer& peer, const TlsContext& server) {
  asio::io_context context;
  tcp::acceptor acceptor(context, {asio::ip::address_v4::loopback(), 0});
  tcp::socket socket(context);
  socket.connect(acceptor.local_endpoint());
  Stream ours(std::move(socket));
  Stream theirs(acceptor.accept());
  const auto until = proto::Clock::now() + 20s;
  Ends ends;
  const auto as_client = [&]() -> awaitable<void> {
    ends.client = co_await ours.handshake_client(client, peer, until);
    ours.close();  // an open stream keeps its deadline, and the context running
  };
  const auto as_server = [&]() -> awaitable<void> {
    ends.server = co_await theirs.handshake_server(server, until);
    theirs.close();
  };
  asio::co_spawn(context, as_client(), asio::detached);
  asio::co_spawn(context, as_server(), asio::detached);
  context.run();
  return ends;
}

Ends shake_hands(const TlsContext& client, const char* host, const TlsContext& server) {
  return shake_hands(client, TlsPeer{host}, server);
}

struct Case {
  TestCertificates certificates;
  TlsContext server(Certificate kind, bool allow_legacy = false) {
    return TlsContext::server({.certificate = certificates.make(kind),
                               .key = {},
                               .client_ca = {},
                               .allow_legacy = allow_legacy})
        .value();
  }
  [[nodiscard]] TlsContext client(std::optional<OptionNames> names = {}) const {
    return TlsContext::client({.ca_file = certificates.ca_file(),
                               .pins = {},
                               .certificate = {},
                               .key = {},
                               .names = names ? std::make_shared<OptionNames>(*names) : nullptr})
        .value();
  }
};

TEST(TlsPeer, NamesAndAddressesOfTheCertificateAreAccepted) {
  Case test;
  const auto server = test.server(Certificate::good);
  const auto client = test.client();
  for (const auto* host : {"localhost", "127.0.0.1", "::1"}) {
    const auto ends = shake_hands(client, host, server);
    EXPECT_TRUE(ends.client) << host << ": " << ends.client.error();
  }
  for (const auto* host : {"other.example", "127.0.0.2", "::2", ""})
    EXPECT_FALSE(shake_hands(client, host, server).client) << host;
}

TEST(TlsPeer, AnAddressWithAZoneIsCheckedToo) {
  Case test;
  const auto good = test.server(Certificate::good);
  const auto other = test.server(Certificate::other_name);
  const auto client = test.client();
  const auto accepted = shake_hands(client, "::1%1", good);
  EXPECT_TRUE(accepted.client) << accepted.client.error();
  for (const auto* host : {"::1%1", "fe80::1%1"}) {
    const auto ends = shake_hands(client, host, other);
    ASSERT_FALSE(ends.client) << host;
    EXPECT_EQ(ends.client.error().fault, Fault::tls);
  }
}

TEST(TlsPeer, TheDotOfTheRootIsNoPartOfTheName) {
  Case test;
  const auto good = test.server(Certificate::good);
  const auto accepted = shake_hands(test.client(), "localhost.", good);
  EXPECT_TRUE(accepted.client) << accepted.client.error();
  const auto other = test.server(Certificate::other_name);
  EXPECT_FALSE(shake_hands(test.client(), "localhost.", other).client);
}

TEST(TlsPeer, ACommonNameWithoutSubjectAltNameIsNoName) {
  Case test;
  const auto server = test.server(Certificate::common_name_only);
  const auto ends = shake_hands(test.client(), "localhost", server);
  ASSERT_FALSE(ends.client);
  EXPECT_EQ(ends.client.error().fault, Fault::tls);
  EXPECT_NE(ends.client.error().detail.find("not for localhost"), std::string::npos)
      << ends.client.error();
  EXPECT_FALSE(server.covers("localhost"));
  EXPECT_TRUE(test.server(Certificate::good).covers("localhost"));
}

// A remedy names an option as the program's user knows it, and none that the user cannot set.
TEST(TlsPeer, ARemedyNamesTheOptionsOfTheProgram) {
  Case test;
  const auto server = test.server(Certificate::self_signed);
  const auto detail = [&](std::optional<OptionNames> names) {
    const auto ends = shake_hands(test.client(std::move(names)), "localhost", server);
    return ends.client ? std::string() : ends.client.error().detail;
  };
  const std::pair<std::optional<OptionNames>, std::string> table[] = {
      {OptionNames{}, " (tls.ca_file) or pin its key (tls.pinned_keys)"},
      {OptionNames{.ca_file = "--ca-file FILE", .pinned_keys = ""}, " (--ca-file FILE)"},
      {std::nullopt, ""},
  };
  for (const auto& [names, remedy] : table) {
    const auto text = detail(names);
    EXPECT_TRUE(text.ends_with("; if it is the right one, trust it as a CA certificate" + remedy))
        << text;
  }
}

// The bytes that a TLSA record of the first certificate in a PEM file has.
std::string association_data(const std::string& file, int selector, int matching) {
  const std::unique_ptr<FILE, int (*)(FILE*)> in(std::fopen(file.c_str(), "r"), std::fclose);
  const std::unique_ptr<X509, decltype(&X509_free)> certificate(
      in ? PEM_read_X509(in.get(), nullptr, nullptr, nullptr) : nullptr, X509_free);
  if (!certificate) return {};
  unsigned char* bytes = nullptr;
  const int size = selector == 0 ? i2d_X509(certificate.get(), &bytes)
                                 : i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate.get()), &bytes);
  std::string data(reinterpret_cast<char*>(bytes), static_cast<std::size_t>(std::max(size, 0)));
  OPENSSL_free(bytes);
  if (matching == 0) return data;
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned length = 0;
  EVP_Digest(data.data(), data.size(), digest, &length, matching == 1 ? EVP_sha256() : EVP_sha512(),
             nullptr);
  return {reinterpret_cast<char*>(digest), length};
}

CertificateAssociation association(int usage, int selector, int matching, const std::string& file) {
  return {static_cast<std::uint8_t>(usage), static_cast<std::uint8_t>(selector),
          static_cast<std::uint8_t>(matching), association_data(file, selector, matching)};
}

// A server with a chain up to its CA certificate, and a client that trusts TLSA records alone.
struct DaneCase {
  explicit DaneCase(Certificate kind) : file(certificates.make(kind)) {
    std::ofstream(file, std::ios::app) << std::ifstream(certificates.ca_file()).rdbuf();
  }
  // The error; empty: the handshake succeeded.
  [[nodiscard]] std::string shake(const TlsPeer& peer) const {
    const auto ends = shake_hands(
        client, peer,
        TlsContext::server({.certificate = file, .key = {}, .allow_expired = true}).value());
    if (ends.client) EXPECT_TRUE(ends.client->verified);
    return ends.client ? std::string() : ends.client.error().detail;
  }

  TestCertificates certificates;
  std::string file;
  TlsContext client = TlsContext::client({.dane = true, .ca_file = {}}).value();
};

const auto no_match = "the server's certificate matches none of its TLSA records";

TEST(Dane, ACertificateOfTheServerNeedsNeitherTheNameNorTheDates) {
  for (const auto kind :
       {Certificate::expired, Certificate::other_name, Certificate::self_signed}) {
    const DaneCase test(kind);
    for (const int selector : {0, 1}) {
      for (const int matching : {0, 1, 2}) {
        const auto one = association(3, selector, matching, test.file);
        EXPECT_TRUE(is_usable(one));
        EXPECT_EQ(test.shake({"mx.example", {}, {one}}), "") << selector << matching;
      }
    }
  }
}

TEST(Dane, ATrustAnchorNeedsOneOfTheNames) {
  const DaneCase test(Certificate::good);
  for (const int selector : {0, 1}) {
    for (const int matching : {0, 1, 2}) {
      const auto one = association(2, selector, matching, test.certificates.ca_file());
      EXPECT_TRUE(is_usable(one));
      EXPECT_EQ(test.shake({"localhost", {}, {one}}), "") << selector << matching;
      EXPECT_EQ(test.shake({"mx.example", {"other.example", "localhost."}, {one}}), "");
      EXPECT_TRUE(test.shake({"mx.example", {"other.example"}, {one}})
                      .starts_with("the server's certificate is not for mx.example but for"));
    }
  }
}

TEST(Dane, ATrustAnchorNeedsTheDates) {
  const DaneCase test(Certificate::expired);
  const auto one = association(2, 0, 1, test.certificates.ca_file());
  EXPECT_NE(test.shake({"localhost", {}, {one}}).find("expired"), std::string::npos);
}

TEST(Dane, OneOfTheRecordsMustMatch) {
  const DaneCase test(Certificate::good);
  const auto right = association(3, 1, 1, test.file);
  const CertificateAssociation by_server{3, 1, 1, std::string(32, 'x')};
  const CertificateAssociation by_ca{2, 0, 1, std::string(32, 'x')};
  EXPECT_EQ(test.shake({"localhost", {}, {by_server, by_ca, right}}), "");
  EXPECT_EQ(test.shake({"localhost", {}, {by_server}}), no_match);
  EXPECT_EQ(test.shake({"localhost", {}, {by_ca}}), no_match);
  EXPECT_EQ(test.shake({"localhost", {}, {by_server, by_ca}}), no_match);
}

TEST(Dane, FailsClosed) {
  DaneCase test(Certificate::good);
  const auto one = association(3, 1, 1, test.file);
  EXPECT_NE(test.shake({"localhost"}), "") << "no records";
  EXPECT_NE(test.shake({"127.0.0.1", {}, {one}}), "") << "not a name";
  EXPECT_NE(test.shake({"localhost", {}, {one, {3, 1, 1, "x"}}}), "") << "not usable";
  test.client = TlsContext::client({.ca_file = test.certificates.ca_file()}).value();
  EXPECT_NE(test.shake({"localhost", {}, {one}}), "") << "the context is not for DANE";
}

TEST(Dane, IsUsableTellsTheRecordsThatCanMatch) {
  const DaneCase test(Certificate::good);
  const auto certificate = association_data(test.file, 0, 0);
  const auto key = association_data(test.file, 1, 0);
  const std::string sha256(32, 'd');
  const std::string sha512(64, 'd');
  const std::pair<CertificateAssociation, bool> rows[] = {
      {{3, 1, 1, sha256}, true},
      {{3, 0, 2, sha512}, true},
      {{2, 0, 1, sha256}, true},
      {{2, 1, 2, sha512}, true},
      {{2, 0, 0, certificate}, true},
      {{3, 1, 0, key}, true},
      {{0, 0, 1, sha256}, false},
      {{1, 1, 1, sha256}, false},
      {{4, 1, 1, sha256}, false},
      {{255, 1, 1, sha256}, false},
      {{3, 2, 1, sha256}, false},
      {{3, 1, 3, sha256}, false},
      {{3, 1, 1, sha512}, false},
      {{3, 1, 2, sha256}, false},
      {{3, 1, 1, ""}, false},
      {{3, 0, 0, ""}, false},
      {{3, 0, 0, key}, false},
      {{3, 1, 0, certificate}, false},
      {{3, 0, 0, certificate + 'x'}, false},
      {{3, 1, 0, key.substr(1)}, false},
  };
  for (const auto& [one, usable] : rows)
    EXPECT_EQ(is_usable(one), usable) << int{one.usage} << int{one.selector} << int{one.matching};
}

// The openssl command as the peer. Its output is read until it ends or `until` appears in a
// line, which is returned.
class Command {
 public:
  explicit Command(const std::string& line)
      : pipe_(::popen(("exec timeout 20 openssl " + line + " 2>&1").c_str(), "r"), ::pclose) {}
  std::string wait_for(const std::string& until) {
    char line[512];
    while (pipe_ && std::fgets(line, sizeof line, pipe_.get()) != nullptr) {
      if (std::string(line).find(until) != std::string::npos) return line;
    }
    return {};
  }

 private:
  std::unique_ptr<FILE, int (*)(FILE*)> pipe_;
};

/// A self-signed RSA certificate: RSA key exchange needs one.
std::string rsa_certificate(const TestCertificates& certificates) {
  const auto file = certificates.ca_file() + ".rsa";
  const auto line = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=x -keyout " +
                    file + " -out " + file + ".crt >/dev/null 2>&1 && cat " + file + ".crt >>" +
                    file;
  EXPECT_EQ(std::system(line.c_str()), 0);
  return file;
}

constexpr const char* old_ciphers[] = {"AES128-GCM-SHA256", "AES256-SHA256",
                                       "ECDHE-RSA-AES128-SHA256", "DHE-RSA-AES128-GCM-SHA256"};

Facts connect_to_openssl(const std::string& certificate, const std::string& cipher,
                         bool allow_legacy) {
  Command server("s_server -www -accept 127.0.0.1:0 -naccept 1 -tls1_2 -cert " + certificate +
                 " -cipher " + cipher);
  const auto line = server.wait_for("ACCEPT ");
  const auto colon = line.rfind(':');
  if (colon == std::string::npos) return fail(Fault::busy, "openssl", "does not listen: " + line);
  const auto port = static_cast<std::uint16_t>(std::strtoul(line.c_str() + colon + 1, nullptr, 10));
  const auto client = TlsContext::client({.verify = false,
                                          .ca_file = {},
                                          .pins = {},
                                          .certificate = {},
                                          .key = {},
                                          .allow_legacy = allow_legacy,
                                          .names = std::make_shared<OptionNames>()})
                          .value();
  asio::io_context context;
  tcp::socket socket(context);
  socket.connect({asio::ip::address_v4::loopback(), port});
  Stream stream(std::move(socket));
  Facts facts = fail(Fault::busy, "the test", "no handshake");
  const auto body = [&]() -> awaitable<void> {
    facts = co_await stream.handshake_client(client, {"localhost"}, proto::Clock::now() + 20s);
    stream.close();
  };
  asio::co_spawn(context, body(), asio::detached);
  context.run();
  return facts;
}

TEST(TlsCiphers, AClientNeedsForwardSecrecyAndAeadUnlessItSaysOtherwise) {
  TestCertificates certificates;
  (void)certificates.make(Certificate::good);
  const auto rsa = rsa_certificate(certificates);
  const auto modern = connect_to_openssl(rsa, "ECDHE-RSA-AES128-GCM-SHA256", false);
  EXPECT_TRUE(modern) << modern.error();
  for (const auto* cipher : old_ciphers) {
    const auto refused = connect_to_openssl(rsa, cipher, false);
    ASSERT_FALSE(refused) << cipher;
    EXPECT_EQ(refused.error().fault, Fault::tls);
    EXPECT_NE(refused.error().detail.find("insecure_allow_legacy_tls"), std::string::npos)
        << refused.error();
    const auto allowed = connect_to_openssl(rsa, cipher, true);
    ASSERT_TRUE(allowed) << cipher << ": " << allowed.error();
    EXPECT_EQ(allowed->cipher, cipher);
  }
}

Facts accept_from_openssl(const std::string& certificate, const std::string& cipher,
                          bool allow_legacy) {
  const auto server =
      TlsContext::server(
          {.certificate = certificate, .key = {}, .client_ca = {}, .allow_legacy = allow_legacy})
          .value();
  asio::io_context context;
  tcp::acceptor acceptor(context, {asio::ip::address_v4::loopback(), 0});
  std::thread peer([port = acceptor.local_endpoint().port(), cipher] {
    Command client("s_client -connect 127.0.0.1:" + std::to_string(port) + " -tls1_2 -cipher " +
                   cipher + " </dev/null");
    (void)client.wait_for("nothing that it prints");
  });
  Stream stream(acceptor.accept());
  Facts facts = fail(Fault::busy, "the test", "no handshake");
  const auto body = [&]() -> awaitable<void> {
    facts = co_await stream.handshake_server(server, proto::Clock::now() + 20s);
    stream.close();
  };
  asio::co_spawn(context, body(), asio::detached);
  context.run();
  peer.join();
  return facts;
}

TEST(TlsCiphers, AServerNeedsForwardSecrecyAndAeadUnlessItSaysOtherwise) {
  TestCertificates certificates;
  (void)certificates.make(Certificate::good);
  const auto rsa = rsa_certificate(certificates);
  const auto modern = accept_from_openssl(rsa, "ECDHE-RSA-AES128-GCM-SHA256", false);
  EXPECT_TRUE(modern) << modern.error();
  for (const auto* cipher : {"AES128-GCM-SHA256", "AES256-SHA256", "ECDHE-RSA-AES128-SHA256"}) {
    const auto refused = accept_from_openssl(rsa, cipher, false);
    ASSERT_FALSE(refused) << cipher;
    EXPECT_NE(refused.error().detail.find("insecure_allow_legacy_tls"), std::string::npos)
        << refused.error();
    const auto allowed = accept_from_openssl(rsa, cipher, true);
    ASSERT_TRUE(allowed) << cipher << ": " << allowed.error();
    EXPECT_EQ(allowed->cipher, cipher);
  }
}

TEST(TlsFiles, ACaFileThatCannotBeReadFailsClosed) {
  const auto context =
      TlsContext::client({.ca_file = "/nonexistent", .pins = {}, .certificate = {}, .key = {}});
  ASSERT_FALSE(context);
  EXPECT_EQ(context.error().fault, Fault::tls);
  EXPECT_EQ(context.error().where, "/nonexistent");
}

// A process that runs for months trusts the certificates of today, whatever the files held when it
// first looked.
TEST(TlsFiles, TheSystemsCertificatesAreReadAgainWhenTheyChange) {
  Case one;
  const auto bundle =
      std::filesystem::path(one.certificates.ca_file()).replace_filename("bundle.pem");
  std::ofstream(bundle) << "not a certificate\n";
  ::setenv("SSL_CERT_FILE", bundle.c_str(), 1);
  ::setenv("SSL_CERT_DIR", "/nonexistent", 1);
  const auto server = one.server(Certificate::good);
  const auto before = TlsContext::client({});
  ASSERT_TRUE(before) << before.error();
  EXPECT_FALSE(shake_hands(*before, "localhost", server).client);
  EXPECT_EQ(TlsContext::client({}).value().handle(), before->handle());
  std::ofstream(bundle) << std::ifstream(one.certificates.ca_file()).rdbuf();
  const auto after = TlsContext::client({});
  ::unsetenv("SSL_CERT_FILE");
  ::unsetenv("SSL_CERT_DIR");
  ASSERT_TRUE(after) << after.error();
  const auto ends = shake_hands(*after, "localhost", server);
  EXPECT_TRUE(ends.client) << ends.client.error();
}

}  // namespace
}  // namespace postroad::net
