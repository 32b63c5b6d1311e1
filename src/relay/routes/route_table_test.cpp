// Conditions of routes: domains, senders, their order, and invalid entries.
#include "relay/routes/route_table.hpp"

#include <gtest/gtest.h>

namespace postroad::relay {
namespace {

Mailbox to(const std::string& address) { return Mailbox::parse(address).value(); }

std::optional<std::size_t> find(const std::vector<RouteMatch>& routes, const std::string& sender,
                                const std::string& recipient, bool is_local = false) {
  return RouteTable::make(routes).value().find({sender}, to(recipient), is_local);
}

TEST(RouteTable, TheFirstRouteThatHoldsIsTaken) {
  const std::vector<RouteMatch> routes = {{.domains = {"a.example", "b.example"}},
                                          {.domains = {".a.example"}},
                                          {.senders = {"@x.example"}},
                                          {.domains = {"*"}}};
  const struct {
    const char* sender;
    const char* recipient;
    std::size_t route;
  } rows[] = {
      {"s@x.example", "u@a.example", 0},     {"s@x.example", "u@B.Example", 0},
      {"s@x.example", "u@sub.a.example", 1}, {"s@x.example", "u@a.b.a.example", 1},
      {"s@x.example", "u@nota.example", 2},  {"s@X.EXAMPLE", "u@c.example", 2},
      {"s@sub.x.example", "u@c.example", 3}, {"", "u@c.example", 3},
      {"postmaster", "u@c.example", 3},
  };
  for (const auto& row : rows)
    EXPECT_EQ(find(routes, row.sender, row.recipient), row.route) << row.recipient;
}

TEST(RouteTable, AllConditionsOfARouteMustHold) {
  const std::vector<RouteMatch> routes = {
      {.domains = {"a.example"}, .senders = {"s@x.example", "<>"}}};
  EXPECT_EQ(find(routes, "s@x.example", "u@a.example"), 0U);
  EXPECT_EQ(find(routes, "", "u@a.example"), 0U);
  EXPECT_EQ(find(routes, "S@x.example", "u@a.example"), std::nullopt) << "local parts have case";
  EXPECT_EQ(find(routes, "s@x.example", "u@b.example"), std::nullopt);
}

TEST(RouteTable, LoginsAreACondition) {
  const auto table =
      RouteTable::make({{.logins = {"ann", "@Tenant.example"}}, {.logins = {"*"}}, {}}).value();
  const struct {
    const char* login;
    std::size_t route;
  } rows[] = {{"ann", 0}, {"Ann", 0},  {"bob@tenant.example", 0},     {"bob@TENANT.example", 0},
              {"bob", 1}, {"anna", 1}, {"bob@sub.tenant.example", 1}, {"", 2}};
  for (const auto& row : rows)
    EXPECT_EQ(table.find({"s@x.example", row.login}, to("u@a.example"), false), row.route)
        << row.login;
  EXPECT_FALSE(RouteTable::make({{.logins = {""}}}));
}

TEST(RouteTable, ULabelsAndALabelsAreOneDomain) {
  EXPECT_EQ(find({{.domains = {"bücher.example"}}}, "", "u@xn--bcher-kva.example"), 0U);
  EXPECT_EQ(find({{.domains = {"XN--BCHER-KVA.example"}}}, "", "u@bücher.example"), 0U);
}

TEST(RouteTable, ALocalRecipientTakesOnlyARouteThatNamesItsDomain) {
  const std::vector<RouteMatch> routes = {
      {.senders = {"@x.example"}}, {.domains = {"*", ".example"}}, {.domains = {"here.example"}}};
  EXPECT_EQ(find(routes, "s@x.example", "u@here.example", true), 2U);
  EXPECT_EQ(find(routes, "s@x.example", "u@also.example", true), std::nullopt);
}

TEST(RouteTable, AnInvalidEntryIsNamed) {
  for (const auto* entry : {"", ".", "a..example", "*.example", "a@b.example", "a b"}) {
    const auto made = RouteTable::make({{.domains = {entry}}});
    ASSERT_FALSE(made) << entry;
    EXPECT_EQ(made.error().where, '\'' + std::string(entry) + '\'');
  }
  for (const auto* entry : {"", "x.example", "@", "a@", "a b@x.example", "*"})
    EXPECT_FALSE(RouteTable::make({{.senders = {entry}}})) << entry;
}

}  // namespace
}  // namespace postroad::relay
