// Each program of the pages tls, oauth, dkim, own-loop, read and test-your-code; and that no
// program of the guide is without a test.
#include <gmock/gmock.h>

#include <postroad/client.hpp>
#include <postroad/testing.hpp>

#include "run_program.hpp"

namespace {

using guide::run;
using postroad::testing::Certificate;
using postroad::testing::Encryption;
using postroad::testing::Server;
using testing::HasSubstr;
using testing::StartsWith;

TEST(Tls, TrustsTheGivenCa) {
  Server server({.encryption = Encryption::starttls});
  const auto done = run("tls_ca", {server.url()}, {.copies = {{"our-ca.pem", server.ca_file()}}});
  EXPECT_EQ(done.exit_code, 0) << done.output;
  Server plain;
  EXPECT_EQ(run("tls_ca", {plain.url()}, {.copies = {{"our-ca.pem", server.ca_file()}}}).exit_code,
            1);
}

TEST(Tls, ShowsTheKeyToPin) {
  Server server({.encryption = Encryption::starttls, .certificate = Certificate::self_signed});
  const auto wrong = run("tls_pin", {server.url()});
  EXPECT_EQ(wrong.exit_code, 1);
  const auto at = wrong.output.find("sha256:");
  ASSERT_NE(at, std::string::npos) << wrong.output;
  EXPECT_EQ(run("tls_pin", {server.url(), wrong.output.substr(at, 51)}).exit_code, 0);
}

TEST(Tls, NamesTheClientCertificateThatCannotBeRead) {
  const auto done = run("tls_client_certificate", {"smtps://127.0.0.1:1"});
  EXPECT_EQ(done.exit_code, 1);
  EXPECT_THAT(done.output, HasSubstr("me.pem"));
}

TEST(Tls, RequiresTlsOnAllHops) {
  Server server({.encryption = Encryption::starttls, .extensions = {"REQUIRETLS"}});
  const auto done =
      run("tls_all_hops", {server.url()}, {.environment = {{"SSL_CERT_FILE", server.ca_file()}}});
  EXPECT_EQ(done.exit_code, 0) << done.output;
  ASSERT_EQ(server.received().size(), 1U);
  EXPECT_TRUE(server.received()[0].envelope.options.require_tls);
}

// The rows of the table of TLS errors in troubleshoot.md.
TEST(Tls, ErrorsOfTheTroubleshootingPage) {
  using postroad::Client;
  using postroad::Tls;
  const auto detail = [](Certificate certificate, Encryption encryption, Tls tls) {
    Server server({.encryption = encryption, .certificate = certificate});
    const auto ca_file = encryption == Encryption::none ? "" : server.ca_file();
    const auto opened =
        Client(server.url(), {.tls = {.policy = tls, .ca_file = ca_file}}).connect();
    return opened ? std::string() : opened.error().detail;
  };
  using enum Certificate;
  EXPECT_THAT(detail(self_signed, Encryption::implicit, Tls::automatic),
              HasSubstr("self-signed certificate"));
  EXPECT_THAT(detail(expired, Encryption::implicit, Tls::automatic),
              HasSubstr("certificate has expired"));
  EXPECT_THAT(detail(other_name, Encryption::implicit, Tls::automatic),
              HasSubstr("not for 127.0.0.1"));
  EXPECT_THAT(detail(Certificate::good, Encryption::none, Tls::implicit),
              HasSubstr("wrong version number; the port may not expect TLS from the first byte"));
  EXPECT_THAT(detail(Certificate::good, Encryption::none, Tls::required),
              HasSubstr("TLS is required"));
}

TEST(Oauth, SendsTheTokenAndReportsARefusal) {
  Server server({.encryption = Encryption::starttls, .extensions = {"AUTH"}});
  server.add_user("me@example.org", "ya29.token");
  const auto with = [&](const std::string& token) {
    return run("oauth_login", {server.url()},
               {.environment = {{"ACCESS_TOKEN", token}, {"SSL_CERT_FILE", server.ca_file()}}});
  };
  const auto done = with("ya29.token");
  EXPECT_EQ(done.exit_code, 0) << done.output;
  EXPECT_EQ(server.received().size(), 1U);
  const auto refused = with("an old token");
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_THAT(refused.output, HasSubstr(" AUTH OAUTHBEARER: 535"));
}

TEST(Dkim, Signs) {
  Server server;
  const auto done = run("dkim_sign", {server.url()});
  EXPECT_EQ(done.exit_code, 0) << done.output;
  ASSERT_EQ(server.received().size(), 1U);
  EXPECT_THAT(server.received()[0].bytes, StartsWith("DKIM-Signature: v=1; a=ed25519-sha256"));
}

TEST(Dkim, Verifies) {
  EXPECT_EQ(run("dkim_verify").output, "Authentication-Results: mx.example.org; dkim=none\r\n");
}

TEST(OwnLoop, Sends) {
  Server server;
  const auto done = run("own_loop_blocking", {server.url()});
  EXPECT_EQ(done.exit_code, 0) << done.output;
  EXPECT_EQ(server.received().size(), 1U);
}

TEST(Read, Parts) { EXPECT_EQ(run("read_parts").output, "hi\nsee the table\na b.csv: 3 bytes\n"); }

TEST(Read, Addresses) {
  EXPECT_EQ(run("read_addresses").output,
            "j@example.org name: Doe, J.\na@example.org name: \nb@example.org name: \n"
            "\"Doe, \\\"J\\\"\" <j@example.org>\n");
}

TEST(Read, LargeMessages) { EXPECT_EQ(run("read_large").output, "3 bytes in attachments\n"); }

TEST(TestYourCode, InMemory) { EXPECT_EQ(run("test_memory").output, "1\nann@example.net\n0\n"); }

TEST(TestYourCode, InAFolder) {
  const auto done = run("test_folder");
  EXPECT_THAT(done.output, StartsWith("outbox/"));
  EXPECT_THAT(done.output, HasSubstr(".eml\n"));
}

TEST(TestYourCode, AServerThatMisbehaves) {
  const auto done = run("test_server");
  EXPECT_THAT(done.output, StartsWith("refused\nunknown\n1\n127.0.0.1:"));
  EXPECT_THAT(done.output, HasSubstr(" MAIL FROM: "));
}

TEST(TestYourCode, TlsAndLogins) { EXPECT_EQ(run("test_tls").output, "1\ntls\n"); }

// The tests of the programs come before this one, so it runs last.
TEST(EveryProgram, HasATest) {
  if (GTEST_FLAG_GET(filter) != "*") GTEST_SKIP() << "only without --gtest_filter";
  EXPECT_EQ(guide::programs_run(), guide::all_programs());
}

}  // namespace
