// The senders that a login may use.
#include "relay/local/senders.hpp"

#include <gtest/gtest.h>

namespace postroad::relay {
namespace {

TEST(Senders, ALoginHasItsOwnNameAndWhatIsAdded) {
  const auto senders = Senders::make({"shop: orders@here.example, @shop.example"},
                                     {"here.example", "also.example"}, "+")
                           .value();
  const struct {
    const char* login;
    const char* address;
    bool may;
  } table[] = {
      {"ann", "ann@here.example", true},
      {"Ann", "ANN@Also.Example", true},
      {"ann", "ann+lists@here.example", true},
      {"ann", "ann+lists@elsewhere.example", false},
      {"ann", "annabel@here.example", false},
      {"ann", "bob@here.example", false},
      {"ann", "ann@elsewhere.example", false},
      {"ann@elsewhere.example", "ann@elsewhere.example", true},
      {"ann@here.example", "ann@here.example", true},
      {"ann@here.example", "ann@also.example", false},
      {"shop", "orders@here.example", true},
      {"shop", "anything@shop.example", true},
      {"shop", "anything@sub.shop.example", false},
      {"ann", "orders@here.example", false},
      {"", "ann@here.example", false},
  };
  for (const auto& row : table)
    EXPECT_EQ(senders.may_use(row.login, Mailbox::parse(row.address).value()), row.may)
        << row.login << ' ' << row.address;
  EXPECT_TRUE(senders.may_use("ann", Mailbox{}));
}

TEST(Senders, AWrongEntryIsNamed) {
  for (const auto* entry :
       {"shop", ": a@b.example", "shop: ann", "shop: a@b.example,, c@d.example"}) {
    const auto made = Senders::make({entry}, {});
    ASSERT_FALSE(made) << entry;
    EXPECT_NE(made.error().text().find(entry), std::string::npos);
  }
}

}  // namespace
}  // namespace postroad::relay
