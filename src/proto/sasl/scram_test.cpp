// SCRAM against the examples of RFC 5802 §5 and RFC 7677 §3, and malformed messages. Both ends
// against each other: exchange_test.cpp; channel binding: scram_binding_test.cpp.
#include <gtest/gtest.h>

#include "base/text.hpp"
#include "proto/sasl/makers.hpp"
#include "proto/sasl/names.hpp"
#include "proto/sasl/test_exchange.hpp"

namespace postroad::sasl {
namespace {

using crypto::Digest;
using namespace std::string_literals;
using namespace std::string_view_literals;

Credentials login(std::string user, std::string password, std::string authorize_as = {}) {
  return {.user = std::move(user),
          .authorize_as = std::move(authorize_as),
          .password = Secret(std::move(password))};
}

struct Example {
  std::string_view mechanism;
  Digest digest;
  std::string client_nonce, server_nonce, salt, client_first, server_first, client_final,
      server_final;
};

const Example rfc_5802{"SCRAM-SHA-1",
                       Digest::sha1,
                       "fyko+d2lbbFgONRv9qkxdawL",
                       "3rfcNHYJY1ZVvWVs7j",
                       "QSXCR+Q6sek8bf92",
                       "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
                       "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
                       "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,"
                       "p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
                       "v=rmF9pqV8S7suAoZWja4dJRkFsKQ="};
const Example rfc_7677{"SCRAM-SHA-256",
                       Digest::sha256,
                       "rOprNGfwEbeRWgbNEkqO",
                       "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
                       "W22ZaJ0SNY7soEsUEjb6gQ==",
                       "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
                       "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
                       "s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
                       "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
                       "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
                       "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="};

std::unique_ptr<Client> client_of(const Example& example) {
  Context context;
  context.nonce = example.client_nonce;
  return make_client(example.mechanism, login("user", "pencil"), context);
}

// A server that has sent its server-first.
std::unique_ptr<Server> server_of(const Example& example, bool is_known = true) {
  Context context;
  context.nonce = example.server_nonce;
  auto server = make_server(example.mechanism, context);
  EXPECT_EQ(server->step(example.client_first).wants_keys_of, "user");
  Keys keys;
  keys.is_known = is_known;
  keys.scram = ScramKeys::derive(example.digest, "pencil", *base64_decode(example.salt), 4096);
  EXPECT_EQ(server->take_keys(keys).challenge, example.server_first);
  return server;
}

class ScramExamples : public testing::TestWithParam<const Example*> {};
INSTANTIATE_TEST_SUITE_P(Scram, ScramExamples, testing::Values(&rfc_5802, &rfc_7677),
                         [](const auto& it) {
                           return it.param == &rfc_5802 ? "Rfc5802"s : "Rfc7677"s;
                         });

TEST_P(ScramExamples, TheClientSaysWhatTheRfcPrints) {
  const auto& example = *GetParam();
  const auto client = client_of(example);
  EXPECT_EQ(client->initial()->response, example.client_first);
  EXPECT_EQ(client->respond(example.server_first)->response, example.client_final);
  EXPECT_FALSE(client->doubt().empty());
  EXPECT_EQ(client->respond(example.server_final)->response, "");
  EXPECT_EQ(client->doubt(), "");
  for (int i = 0; i < 10; ++i) EXPECT_FALSE(client->respond(example.server_first));
}

TEST_P(ScramExamples, TheServerSaysWhatTheRfcPrints) {
  const auto& example = *GetParam();
  const auto server = server_of(example);
  const auto step = server->step(example.client_final);
  ASSERT_TRUE(step.credentials);
  EXPECT_EQ(step.credentials->user, "user");
  EXPECT_EQ(step.credentials->proven, true);
  EXPECT_EQ(step.on_success, example.server_final);
}

TEST_P(ScramExamples, AProofFitsNobodyWhoIsNotKnown) {
  const auto step = server_of(*GetParam(), false)->step(GetParam()->client_final);
  ASSERT_TRUE(step.credentials);
  EXPECT_EQ(step.credentials->proven, false);
  EXPECT_FALSE(step.on_success);
}

TEST_P(ScramExamples, TheServerTakesAnExtensionInFrontOfTheProofAsPartOfWhatIsProven) {
  const auto& example = *GetParam();
  auto text = example.client_final;
  text.insert(text.find(",p="), ",x=extension");
  const auto step = server_of(example)->step(text);
  ASSERT_TRUE(step.credentials);
  EXPECT_EQ(step.credentials->proven, false);  // the proof does not fit these messages
}

TEST_P(ScramExamples, TheClientTakesAnExtensionBehindTheCount) {
  const auto client = client_of(*GetParam());
  (void)client->initial();
  EXPECT_TRUE(client->respond(GetParam()->server_first + ",x=extension"));
}

TEST_P(ScramExamples, ANonceThatIsSentBackAsItWasIsRefused) {
  const auto client = client_of(*GetParam());
  (void)client->initial();
  EXPECT_FALSE(client->respond("r=" + GetParam()->client_nonce + ",s=QSXCR+Q6sek8bf92,i=4096"));
}

TEST(Scram, MalformedServerFirstMessages) {
  for (const auto& bad :
       {""s, "r="s, "v=rmF9pqV8S7suAoZWja4dJRkFsKQ="s, "e=other-error"s,
        // counts
        "r=abcd,s=QSXCR+Q6sek8bf92,i=0"s, "r=abcd,s=QSXCR+Q6sek8bf92,i=-1"s,
        "r=abcd,s=QSXCR+Q6sek8bf92,i=-4096"s, "r=abcd,s=QSXCR+Q6sek8bf92,i=+4096"s,
        "r=abcd,s=QSXCR+Q6sek8bf92,i="s, "r=abcd,s=QSXCR+Q6sek8bf92,i=4096x"s,
        "r=abcd,s=QSXCR+Q6sek8bf92,i= 4096"s, "r=abcd,s=QSXCR+Q6sek8bf92,i=0x10"s,
        "r=abcd,s=QSXCR+Q6sek8bf92,i=1000001"s, "r=abcd,s=QSXCR+Q6sek8bf92,i=4294967296"s,
        "r=abcd,s=QSXCR+Q6sek8bf92,i=4294971392"s,  // 4096 in 32 bits
        "r=abcd,s=QSXCR+Q6sek8bf92,i=18446744073709551617"s,
        "r=abcd,s=QSXCR+Q6sek8bf92,i=99999999999999999999999"s, "r=abcd,s=QSXCR+Q6sek8bf92"s,
        // nonces; the client's is "ab"
        "r=ab,s=QSXCR+Q6sek8bf92,i=4096"s, "r=xab,s=QSXCR+Q6sek8bf92,i=4096"s,
        "r=a,s=QSXCR+Q6sek8bf92,i=4096"s, "r=,s=QSXCR+Q6sek8bf92,i=4096"s,
        "r=AB12,s=QSXCR+Q6sek8bf92,i=4096"s, "r=ab 1,s=QSXCR+Q6sek8bf92,i=4096"s,
        "r=ab\0d,s=QSXCR+Q6sek8bf92,i=4096"s, "r=ab\xc3\xa9,s=QSXCR+Q6sek8bf92,i=4096"s,
        // salts
        "r=abcd,s=,i=4096"s, "r=abcd,s=QSX,i=4096"s, "r=abcd,s=====,i=4096"s,
        "r=abcd,s=!!!!,i=4096"s, "r=abcd,i=4096"s,
        // order, and an extension that must be understood (RFC 5802 section 5.1)
        "s=QSXCR+Q6sek8bf92,r=abcd,i=4096"s, "r=abcd,i=4096,s=QSXCR+Q6sek8bf92"s,
        "m=must,r=abcd,s=QSXCR+Q6sek8bf92,i=4096"s, "r=abcd,x=1,s=QSXCR+Q6sek8bf92,i=4096"s}) {
    Context context;
    context.nonce = "ab";
    for (const std::string_view name : {"SCRAM-SHA-1", "SCRAM-SHA-256"}) {
      const auto client = make_client(name, login("user", "pencil"), context);
      (void)client->initial();
      EXPECT_FALSE(client->respond(bad)) << testing::PrintToString(bad);
      EXPECT_FALSE(client->doubt().empty());
    }
  }
}

TEST(Scram, MalformedClientFirstMessages) {
  for (const auto bad : {""sv,
                         "n"sv,
                         "n,"sv,
                         "n,,"sv,
                         ",,n=user,r=x"sv,
                         "N,,n=user,r=x"sv,
                         "n,,n=user"sv,
                         "n,,n=user,"sv,
                         "n,,n=user,r"sv,
                         "n,,n=user,r="sv,
                         "n,,n=user,r=a b"sv,
                         "n,,n=user,r=\x7f"sv,
                         "n,,n=user,r=\xc3\xa9"sv,
                         "n,,n=,r=x"sv,
                         "n,,r=x,n=user"sv,
                         "n,,m=must,n=user,r=x"sv,
                         "n,,n=a\0b,r=x"sv,
                         "n,,n=\xff,r=x"sv,
                         "n,user,n=user,r=x"sv,
                         "n,a=,n=user,r=x"sv,
                         "n,a==,n=user,r=x"sv,
                         "n,a=\xff,n=user,r=x"sv,
                         "n,,n=us=er,r=x"sv,
                         "n,,n=us=2cer,r=x"sv,
                         "n,,n=user=,r=x"sv,
                         "n,,n=user=2,r=x"sv,
                         "z,,n=user,r=x"sv,
                         "nn,,n=user,r=x"sv,
                         "p=tls-unique,,n=user,r=x"sv,
                         "p=,,n=user,r=x"sv}) {
    for (const std::string_view name : {"SCRAM-SHA-1", "SCRAM-SHA-256"}) {
      const auto step = make_server(name, {})->step(bad);
      EXPECT_FALSE(step.error.empty()) << testing::PrintToString(bad);
      EXPECT_FALSE(step.wants_keys_of || step.challenge || step.credentials);
    }
  }
}

TEST(Scram, MalformedClientFinalMessages) {
  const auto& nonce = rfc_5802.client_nonce + rfc_5802.server_nonce;
  const auto proof = ",p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts="s;
  for (const auto& bad :
       {""s, "c=biws"s, proof, "c=biws,r=" + nonce, "c=biws,r=" + nonce + ",p=",
        "c=biws,r=" + nonce + ",p=v0X8", "c=biws,r=" + nonce + proof + "AAAA",
        "c=biws,r=" + nonce + proof + ",x=behind", "r=" + nonce + ",c=biws" + proof,
        "c=biws,r=" + nonce + "x" + proof, "c=biws,r=" + rfc_5802.client_nonce + proof,
        "c=biws,r=" + proof, "c=eSws,r=" + nonce + proof, "c=,r=" + nonce + proof,
        "c=!!!!,r=" + nonce + proof, "c=biws,r=" + nonce + proof + proof,
        "c=biws,r=" + nonce + ",p=" + base64_encode(std::string(32, '\0')),
        "c=biws,r=" + nonce + ",p=" + base64_encode(std::string(20, '\0'))}) {
    const auto step = server_of(rfc_5802)->step(bad);
    const bool refused = !step.error.empty() || step.credentials->proven == false;
    EXPECT_TRUE(refused) << bad;
    EXPECT_FALSE(step.on_success) << bad;
  }
}

TEST(Scram, AClientFinalBeforeTheKeysProvesNothing) {
  Context context;
  context.nonce = "cd";
  const auto server = make_server("SCRAM-SHA-256", context);
  (void)server->step("n,,n=user,r=ab");
  const auto step = server->step("c=biws,r=abcd,p=" + base64_encode(std::string(32, '\0')));
  ASSERT_TRUE(step.credentials);
  EXPECT_EQ(step.credentials->proven, false);
}

TEST(Scram, NoncesDifferAndFitTheGrammar) {
  std::string before;
  for (int i = 0; i < 100; ++i) {
    const auto first = make_client("SCRAM-SHA-256", login("u", "p"), {})->initial()->response;
    EXPECT_NE(first, before);
    const auto nonce = std::string_view(first).substr(first.find(",r=") + 3);
    EXPECT_GE(nonce.size(), 24U);
    EXPECT_EQ(nonce.find(','), std::string_view::npos);
    before = first;
  }
}

TEST(Scram, Saslnames) {
  for (const auto& [name, text] :
       std::map<std::string, std::string>{{"user", "user"},
                                          {"a,b", "a=2Cb"},
                                          {"a=b", "a=3Db"},
                                          {",=", "=2C=3D"},
                                          {"=2C", "=3D2C"},
                                          {"t\xc3\xa9st", "t\xc3\xa9st"},
                                          {"\xe7\xab\xa0", "\xe7\xab\xa0"},
                                          {"a b", "a b"}}) {
    EXPECT_EQ(encode_saslname(name), text);
    EXPECT_EQ(decode_saslname(text), name);
  }
  for (const auto bad : {""sv, "="sv, "=2"sv, "=2c"sv, "=3d"sv, "=2D"sv, "a="sv, "\xff"sv, "a\0"sv})
    EXPECT_FALSE(decode_saslname(bad)) << testing::PrintToString(bad);
}

TEST(Scram, TheGs2Header) {
  const auto first = [](bool plus, const Context& context, std::string as = {}) {
    return make_scram_client(Digest::sha256, plus, login("u", "p", std::move(as)), context)
        ->initial()
        ->response;
  };
  Context context;
  context.nonce = "ab";
  EXPECT_EQ(first(false, context), "n,,n=u,r=ab");
  EXPECT_EQ(first(false, context, "a,b=c"), "n,a=a=2Cb=3Dc,n=u,r=ab");
  context.binding = {"exporter", "end point"};
  EXPECT_EQ(first(false, context), "y,,n=u,r=ab");
  EXPECT_EQ(first(true, context), "p=tls-exporter,,n=u,r=ab");
  context.binding_is_offered = true;
  EXPECT_EQ(first(false, context), "n,,n=u,r=ab");
  context.binding = {"", "end point"};
  EXPECT_EQ(first(true, context), "p=tls-server-end-point,,n=u,r=ab");
}

// Row 48: a server that does not prove that it knows the password is refused.

TEST(Row48, WithoutTheServersSignatureTheClientRefuses235) {
  for (const auto* example : {&rfc_5802, &rfc_7677}) {
    auto wrong = example->server_final;
    wrong[4] = wrong[4] == 'A' ? 'B' : 'A';
    for (const auto& final :
         {wrong, ""s, "v="s, "v"s, "e=invalid-proof"s, example->server_final.substr(2),
          example->server_final.substr(0, example->server_final.size() - 4),
          example->server_final + "AAAA", "x=1," + example->server_final, example->server_first,
          "v=" + base64_encode(std::string(crypto::size_of(example->digest), '\0'))}) {
      const auto client = client_of(*example);
      EXPECT_FALSE(client->doubt().empty());
      (void)client->initial();
      EXPECT_FALSE(client->doubt().empty());
      ASSERT_TRUE(client->respond(example->server_first));
      EXPECT_FALSE(client->doubt().empty());
      EXPECT_FALSE(client->respond(final)) << final;
      EXPECT_FALSE(client->doubt().empty()) << final;
      // A right signature after a wrong one is not accepted.
      EXPECT_FALSE(client->respond(example->server_final));
      EXPECT_FALSE(client->doubt().empty());
    }
  }
}

TEST(Row48, ASignatureBeforeTheProofIsNotAccepted) {
  const auto client = client_of(rfc_5802);
  (void)client->initial();
  EXPECT_FALSE(client->respond(rfc_5802.server_final));
  EXPECT_FALSE(client->respond("v="));
  EXPECT_FALSE(client->doubt().empty());
}

TEST(Row48, AServerWithoutTheUsersKeysIsDetected) {
  // It accepts any proof, and signs with keys of another password.
  const auto keys = ScramKeys::derive(Digest::sha256, "guess", "salt", 16);
  Context context;
  context.nonce = "ab";
  const auto client = make_client("SCRAM-SHA-256", login("user", "pencil"), context);
  const auto first = client->initial()->response.substr(3);
  const auto server_first = "r=abcd,s=" + base64_encode("salt") + ",i=16";
  const auto final = client->respond(server_first)->response;
  const auto message = first + ',' + server_first + ',' + final.substr(0, final.find(",p="));
  const auto signature = crypto::hmac(Digest::sha256, keys.server_key, message);
  EXPECT_FALSE(client->respond("v=" + base64_encode(signature)));
  EXPECT_FALSE(client->doubt().empty());
}

TEST(Row21, ScramAnswersTwice) {
  const auto client = client_of(rfc_7677);
  (void)client->initial();
  EXPECT_TRUE(client->respond(rfc_7677.server_first));
  for (int i = 0; i < 10; ++i) EXPECT_FALSE(client->respond(rfc_7677.server_first));
}

}  // namespace
}  // namespace postroad::sasl
