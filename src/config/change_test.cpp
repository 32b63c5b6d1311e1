// The reload rule: every fixed option that differs is named.
#include "config/change.hpp"

#include <gtest/gtest.h>

namespace postroad::config {
namespace {

struct Inner {
  std::string folder = "a";
  int size = 1;
  int level = 1;
};
struct Row {
  int port = 25;
};
struct Outer {
  int free = 0;
  Inner inner;
  std::vector<Row> rows;
};

Section<Outer> declare() {
  Section<Inner> inner;
  inner.option("folder", &Inner::folder, "A folder.").fixed();
  inner.option("size", &Inner::size, "A size.").fixed();
  inner.option("level", &Inner::level, "A level.");
  Section<Row> row;
  row.option("port", &Row::port, "A port.");
  Section<Outer> s;
  s.option("free", &Outer::free, "A number.");
  s.table("inner", &Outer::inner, "Inner.", inner);
  s.tables("row", &Outer::rows, "Rows.", row);
  return s;
}

TEST(FixedChanges, NamesEveryOption) {
  const auto section = declare();
  const Outer was;
  Outer is;
  is.free = 1;
  is.inner.level = 2;
  is.rows.emplace_back();
  EXPECT_TRUE(fixed_changes(section, was, is).empty());
  is.inner.folder = "b";
  is.inner.size = 2;
  EXPECT_EQ(fixed_changes(section, was, is),
            (std::vector<std::string>{"inner.folder", "inner.size"}));
}

}  // namespace
}  // namespace postroad::config
