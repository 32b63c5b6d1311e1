// The files of what is remembered about TLS: policies, and hosts that failed.
#include "relay/tls/sts_store.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "relay/tls/failed_tls.hpp"

namespace postroad::relay::tls {
namespace {

namespace fs = std::filesystem;
using Failure = FailedTls::Failure;

constexpr std::int64_t store_noon = 1'800'000'000'000;
const std::string kept_text = "version: STSv1\nmode: enforce\n\nmx: mx.example\nmax_age: 60\n";

class TlsFiles : public testing::Test {
 protected:
  TlsFiles() {
    auto name = (fs::temp_directory_path() / "postroad-test-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no folder for the test");
    folder = name;
  }
  ~TlsFiles() override {
    std::error_code ignored;
    fs::remove_all(folder, ignored);
  }
  static KeptPolicy kept(const std::string& id = "1") {
    return {id, store_noon, kept_text, parse_sts_policy(kept_text).value()};
  }
  static void write(const fs::path& file, const std::string& content) {
    std::ofstream(file) << content;
  }
  static std::string read(const fs::path& file) {
    std::ifstream in(file);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  fs::path folder;
};

using StsStoreTest = TlsFiles;
using FailedTlsTest = TlsFiles;

TEST_F(StsStoreTest, KeepsThePolicyOfEachDomain) {
  const auto policies = folder / "policies";
  const StsStore store(policies);
  EXPECT_TRUE(store.domains().empty());
  EXPECT_FALSE(store.load("b.example"));
  ASSERT_TRUE(store.save("b.example", kept("1")));
  ASSERT_TRUE(store.save("b.example", kept("2")));
  ASSERT_TRUE(store.save("a.example", kept("3")));
  write(policies / "c.example~", format_policy(kept()));
  EXPECT_EQ(store.domains(), (std::vector<std::string>{"a.example", "b.example"}));
  const auto found = StsStore(policies).load("b.example");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->id, "2");
  EXPECT_EQ(found->fetched, store_noon);
  EXPECT_EQ(found->text, kept_text);
  EXPECT_EQ(found->policy, kept().policy);
  EXPECT_EQ(found->until(), store_noon + 60'000);
  EXPECT_TRUE(store.remove("b.example"));
  EXPECT_FALSE(store.remove("b.example"));
  EXPECT_EQ(store.domains(), std::vector<std::string>{"a.example"});
}

TEST_F(StsStoreTest, NoNameLeadsOutOfTheFolder) {
  const StsStore store(folder / "policies");
  ASSERT_TRUE(store.save("a.example", kept()));
  write(folder / "secret", format_policy(kept()));
  fs::create_symlink(folder / "secret", folder / "policies" / "link.example");
  const std::string names[] = {
      "../secret", "", ".", "..", ".hidden", "a/b", "link.example", std::string(254, 'a')};
  for (const auto& name : names) EXPECT_FALSE(store.load(name)) << name;
  EXPECT_TRUE(store.save("../other", kept()));
  EXPECT_FALSE(fs::exists(folder / "other"));
  EXPECT_FALSE(store.remove("../secret"));
  EXPECT_TRUE(fs::exists(folder / "secret"));
}

TEST_F(StsStoreTest, WritesNothingWhereItOnlyReads) {
  const auto policies = folder / "policies";
  ASSERT_TRUE(StsStore(policies).save("a.example", kept()));
  const StsStore reader(policies, true);
  EXPECT_TRUE(reader.save("b.example", kept()));
  EXPECT_FALSE(reader.remove("a.example"));
  EXPECT_TRUE(reader.load("a.example"));
  EXPECT_EQ(reader.domains(), std::vector<std::string>{"a.example"});
}

TEST_F(StsStoreTest, KeepsNothingWithoutAFolder) {
  const StsStore store({});
  EXPECT_TRUE(store.save("a.example", kept()));
  EXPECT_FALSE(store.load("a.example"));
  EXPECT_FALSE(store.remove("a.example"));
  EXPECT_TRUE(store.domains().empty());
}

TEST_F(StsStoreTest, TellsThatAPolicyCannotBeWritten) {
  write(folder / "policies", "a file");
  const auto saved = StsStore(folder / "policies").save("a.example", kept());
  ASSERT_FALSE(saved);
  EXPECT_EQ(saved.error().fault, Fault::io);
  EXPECT_EQ(saved.error().where, (folder / "policies" / "a.example").string());
}

TEST_F(StsStoreTest, AFileThatIsNoPolicyCountsAsNone) {
  const auto whole = format_policy(kept());
  ASSERT_TRUE(parse_policy(whole));
  EXPECT_TRUE(parse_policy("new: field\n" + whole)) << "of a later version";
  const std::string rows[] = {"",
                              kept_text,
                              whole.substr(0, whole.find("mx:")),
                              "id: 1\n\n" + kept_text,
                              "id: 1\nfetched: soon\n\n" + kept_text,
                              "id: 1\nfetched: 0\n\n" + kept_text,
                              "id: 1\nfetched: 18446744073709551615\n\n" + kept_text};
  const StsStore store(folder);
  for (const auto& row : rows) {
    write(folder / "a.example", row);
    EXPECT_FALSE(store.load("a.example")) << row;
  }
  write(folder / "a.example", whole + std::string(200'000, '\n'));
  EXPECT_FALSE(store.load("a.example")) << "too long";
}

TEST_F(FailedTlsTest, AreFoundUntilTheirTimeIsOver) {
  const auto file = folder / "tls_failures";
  const Failure failure{store_noon + 1000, "the handshake failed: 50% of it\n"};
  FailedTls failed(file);
  EXPECT_FALSE(failed.find("mx.example", store_noon));
  ASSERT_TRUE(failed.add("mx.example", failure, store_noon));
  ASSERT_TRUE(failed.add("::1", {store_noon + 2000, ""}, store_noon));
  for (const auto& known : {failed, FailedTls(file)}) {
    EXPECT_EQ(known.find("mx.example", store_noon + 999), failure);
    EXPECT_FALSE(known.find("mx.example", store_noon + 1000));
    EXPECT_TRUE(known.find("::1", store_noon + 1999));
  }
  ASSERT_TRUE(failed.add("other.example", failure, store_noon + 1500));
  EXPECT_FALSE(failed.all().contains("mx.example")) << "it is over";
  EXPECT_TRUE(failed.remove("::1"));
  EXPECT_FALSE(failed.remove("::1"));
  EXPECT_EQ(read(file),
            "other.example 1800000001000 the%20handshake%20failed%3A%2050%25%20of%20it%0A\n");
}

TEST_F(FailedTlsTest, LinesThatAreNotUnderstoodArePassedOver) {
  const auto file = folder / "tls_failures";
  write(file, "\na.example\nb.example soon x\nc.example 5 x y\n%zz 5 x\nd.example 5 x%20y\nno end");
  const FailedTls failed(file);
  EXPECT_EQ(failed.all(), (std::map<std::string, Failure>{{"d.example", {5, "x y"}}}));
}

TEST_F(FailedTlsTest, ThoseThatEndFirstAreForgotten) {
  FailedTls failed({});
  const auto count = static_cast<std::int64_t>(FailedTls::most);
  for (std::int64_t i = 0; i <= count; ++i)
    ASSERT_TRUE(failed.add(std::to_string(i), {store_noon + count - i, ""}, store_noon - 1));
  EXPECT_EQ(failed.all().size(), FailedTls::most);
  EXPECT_FALSE(failed.all().contains(std::to_string(count - 1)));
  EXPECT_TRUE(failed.all().contains(std::to_string(count))) << "the new one stays";
}

TEST_F(FailedTlsTest, AreRememberedThoughTheyCannotBeWritten) {
  FailedTls failed(folder / "missing" / "tls_failures");
  const auto added = failed.add("mx.example", {store_noon + 1, "x"}, store_noon);
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().fault, Fault::io);
  EXPECT_TRUE(failed.find("mx.example", store_noon));
}

}  // namespace
}  // namespace postroad::relay::tls
