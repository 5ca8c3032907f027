"""A strategy built, run and swept in Python; editors run its cells, between ``# %%``, one by one."""

# %% A strategy
import treefolio as tf

shelter = tf.top(1, by=tf.rsi(10), of=["SQQQ", "TLT", "BIL"])
strategy = tf.define(
    "TQQQ for the long term",
    tf.If(
        tf.price("SPY") > tf.sma("SPY", tf.var("slow")),
        tf.If(tf.rsi("TQQQ", 10) > tf.var("hot"), "UVXY", "TQQQ"),
        tf.group("Bear market", shelter),
    ),
    variables={"hot": "74:84:2", "slow": [100, 200]},
)

# %% Prices: the made-up market, so that this runs anywhere; yours come from tf.read_panel([...])
panel = tf.synthetic_panel(seed=7)

# %% One run
execution = tf.Execution(costs=tf.Costs(slippage_bps=2))
result = tf.run(strategy, panel, start="2015-01-02", execution=execution, set={"hot": 80})
print(f"{result.strategy.name}: Sharpe ratio {result.metrics['sharpe']:.2f}, synthetic: {result.synthetic}")
print(result.equity.tail(3))

# %% All combinations
swept = tf.sweep(strategy, panel, start="2015-01-02", execution=execution)
print(swept.top("sharpe", 5).select("hot", "slow", "sharpe", "max_drawdown"))
