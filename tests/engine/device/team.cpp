#include "engine/device/team.hpp"

#include <array>
#include <atomic>
#include <boost/test/unit_test.hpp>
#include <numeric>
#include <stdexcept>
#include <thread>

#include "engine/device/crew.hpp"

using namespace nanoflow;

BOOST_AUTO_TEST_SUITE(team)

BOOST_AUTO_TEST_CASE(every_task_runs_once_and_launches_do_not_overlap) {
  Team team({0, 0, 0});
  std::atomic<bool> failed = false;
  constexpr int n_tasks = 37, n_launches = 200;
  std::vector<std::atomic<int>> done(n_launches);
  std::atomic<bool> overlapped = false;
  for (int job = 0; job < 20; ++job) {
    for (auto& count : done) count = 0;
    team.run(team.size(), failed, [&](int) {
      for (int launch = 0; launch < n_launches; ++launch)
        team.for_each(n_tasks, [&](int) {
          if (launch > 0 && done[launch - 1] != n_tasks) overlapped = true;
          ++done[launch];
        });
    });
    for (const auto& count : done) BOOST_REQUIRE_EQUAL(count, n_tasks);
  }
  BOOST_TEST(!overlapped);
}

BOOST_AUTO_TEST_CASE(a_sleeping_team_wakes_up) {
  Team team({0, 0});
  std::atomic<bool> failed = false;
  for (int job = 0; job < 3; ++job) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));  // far longer than it spins
    std::atomic<int> ran = 0;
    team.run(team.size(), failed, [&](int) { ++ran; });
    BOOST_TEST(ran == 2);
  }
}

BOOST_AUTO_TEST_CASE(what_a_task_throws_comes_out_of_run_and_the_team_goes_on) {
  Team team({0, 0});
  std::atomic<bool> failed = false;
  const auto job = [&](int) {
    team.for_each(8, [](int task) {
      if (task == 5) throw std::runtime_error("task 5");
    });
  };
  BOOST_CHECK_THROW(team.run(team.size(), failed, job), std::runtime_error);
  BOOST_TEST(failed);
  std::atomic<int> sum = 0;
  const auto add = [&](int) { team.for_each(10, [&](int task) { sum += task; }); };
  team.run(team.size(), failed, add);
  BOOST_TEST(sum == 0);  // what is left of a failed step is passed over
  failed = false;
  team.run(team.size(), failed, add);
  BOOST_TEST(sum == 45);
}

BOOST_AUTO_TEST_CASE(a_part_of_the_team_can_run_while_the_others_sleep) {
  Team team({0, 0, 0});
  std::atomic<bool> failed = false;
  for (int job = 0; job < 300; ++job) {
    const int n = 1 + job * 7 % 3;
    std::array<std::atomic<int>, 3> ran{};
    std::atomic<int> sum = 0;
    team.run(n, failed, [&](int worker) {
      ++ran[static_cast<std::size_t>(worker)];
      team.for_each(10, [&](int task) { sum += task; });
      team.for_each(10, [&](int task) { sum += task; });
    });
    for (int worker = 0; worker < 3; ++worker)
      BOOST_REQUIRE_EQUAL(ran[static_cast<std::size_t>(worker)], worker < n ? 1 : 0);
    BOOST_REQUIRE_EQUAL(sum, 90);
  }
}

// Whatever the shape, each cell is covered once.
BOOST_AUTO_TEST_CASE(splits_cover_rows_and_columns) {
  Team team({0, 0});
  std::atomic<bool> failed = false;
  for (const int rows : {1, 5, 96, 97, 500})
    for (const int columns : {1, 3, 8, 50}) {
      std::vector<std::atomic<int>> cells(rows * columns);
      std::vector<std::atomic<int>> lines(rows);
      team.run(team.size(), failed, [&](int worker) {
        const Crew crew{team, worker, 0};
        crew.split({0, rows}, {0, columns}, [&](kernels::Range down, kernels::Range across) {
          for (int row = down.begin; row < down.end; ++row)
            for (int column = across.begin; column < across.end; ++column)
              ++cells[row * columns + column];
        });
        crew.split({0, rows}, [&](kernels::Range down) {
          for (int row = down.begin; row < down.end; ++row) ++lines[row];
        });
      });
      for (const auto& cell : cells) BOOST_REQUIRE_EQUAL(cell, 1);
      for (const auto& line : lines) BOOST_REQUIRE_EQUAL(line, 1);
    }
}

BOOST_AUTO_TEST_SUITE_END()
