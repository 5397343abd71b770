"""The losses that ValuesTest.cpp expects, computed with torch in f64, without shardc.

Written from the definitions that Hugging Face's models follow; run it and paste what it prints.
Weights are a function of their name in files and their place in the tensor, tokens of theirs.
"""
import math
import torch

torch.set_default_dtype(torch.float64)
HIDDEN, LAYERS, HEADS, KV, HEAD_DIM, MLP, VOCAB, BATCH, SEQ = 8, 3, 4, 2, 4, 12, 11, 2, 5


def weight(name, *shape):
    n = math.prod(shape)
    return (0.5 * torch.sin(0.7 * torch.arange(n) + sum(map(ord, name)) % 97)).reshape(shape)


def token(sample, index):
    return (sample * 7 + index * 3) % VOCAB


tokens = torch.tensor([[token(b, s) for s in range(SEQ)] for b in range(BATCH)])
labels = torch.tensor([[-100 if b == 1 and s == 2 else token(b, s + 1) for s in range(SEQ)] for b in range(BATCH)])


def rms(x, w, eps):
    return x * torch.rsqrt((x * x).mean(-1, keepdim=True) + eps) * w


def gelu_tanh(x):
    return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def silu(x):
    return x / (1 + torch.exp(-x))


def rope(x, theta, factor=1.0):  # x: [batch, heads, seq, head_dim]
    inverse = theta ** (-torch.arange(0, HEAD_DIM, 2) / HEAD_DIM) / factor
    angle = torch.outer(torch.arange(SEQ).double(), inverse)
    cos, sin = torch.cat([angle, angle], -1).cos(), torch.cat([angle, angle], -1).sin()
    half = torch.cat([-x[..., HEAD_DIM // 2:], x[..., :HEAD_DIM // 2]], -1)
    return x * cos + half * sin


def attend(q, k, v, scale, window=None, cap=None):
    k, v = (t.repeat_interleave(q.shape[1] // t.shape[1], 1) for t in (k, v))
    scores = q @ k.transpose(-1, -2) * scale
    if cap:
        scores = cap * torch.tanh(scores / cap)
    i, j = torch.arange(SEQ)[:, None], torch.arange(SEQ)[None]
    seen = (j <= i) if window is None else (j <= i) & (i - j < window)
    return scores.masked_fill(~seen, -math.inf).softmax(-1) @ v


def heads(x, count):
    return x.reshape(BATCH, SEQ, count, -1).transpose(1, 2)


def joined(x):
    return x.transpose(1, 2).reshape(BATCH, SEQ, -1)


def losses(logits):
    return torch.nn.functional.cross_entropy(logits.reshape(-1, VOCAB), labels.reshape(-1), reduction="none", ignore_index=-100)


def gpt2():
    def norm(x, p):
        centred = x - x.mean(-1, keepdim=True)
        return rms(centred, weight(p + ".weight", HIDDEN), 1e-5) + weight(p + ".bias", HIDDEN)

    x = weight("transformer.wte.weight", VOCAB, HIDDEN)[tokens] + weight("transformer.wpe.weight", 16, HIDDEN)[:SEQ]
    for layer in range(LAYERS):
        p = f"transformer.h.{layer}."
        y = norm(x, p + "ln_1") @ weight(p + "attn.c_attn.weight", HIDDEN, 3 * HIDDEN) + weight(p + "attn.c_attn.bias", 3 * HIDDEN)
        q, k, v = (heads(t, HEADS) for t in y.split(HIDDEN, -1))
        y = joined(attend(q, k, v, (HIDDEN // HEADS) ** -0.5))
        x = x + y @ weight(p + "attn.c_proj.weight", HIDDEN, HIDDEN) + weight(p + "attn.c_proj.bias", HIDDEN)
        y = gelu_tanh(norm(x, p + "ln_2") @ weight(p + "mlp.c_fc.weight", HIDDEN, MLP) + weight(p + "mlp.c_fc.bias", MLP))
        x = x + y @ weight(p + "mlp.c_proj.weight", MLP, HIDDEN) + weight(p + "mlp.c_proj.bias", HIDDEN)
    return losses(norm(x, "transformer.ln_f") @ weight("transformer.wte.weight", VOCAB, HIDDEN).T)


def llama(qk_norm=False, gemma=False):
    """Llama with biases, a window of 2 and linear scaling; Qwen3; Gemma 2 with a window of 2 on every other layer."""
    eps = 1e-5 if not qk_norm and not gemma else 1e-6
    plus, act = (1, gelu_tanh) if gemma else (0, silu)
    biased = not qk_norm and not gemma
    theta = {(False, False): 500000.0, (True, False): 1000000.0, (False, True): 10000.0}[qk_norm, gemma]

    def norm(x, p, n=HIDDEN):
        return rms(x, plus + weight(p + ".weight", n), eps)

    def linear(x, p, out, inner, bias=False):
        y = x @ weight(p + ".weight", out, inner).T
        return y + weight(p + ".bias", out) if bias else y

    x = weight("model.embed_tokens.weight", VOCAB, HIDDEN)[tokens] * (math.sqrt(HIDDEN) if gemma else 1)
    for layer in range(LAYERS):
        p = f"model.layers.{layer}."
        h = norm(x, p + "input_layernorm")
        q, k, v = (heads(linear(h, f"{p}self_attn.{n}_proj", c * HEAD_DIM, HIDDEN, biased), c) for n, c in (("q", HEADS), ("k", KV), ("v", KV)))
        if qk_norm:
            q, k = norm(q, p + "self_attn.q_norm", HEAD_DIM), norm(k, p + "self_attn.k_norm", HEAD_DIM)
        factor = 2.0 if biased else 1.0
        q, k = rope(q, theta, factor), rope(k, theta, factor)
        window = 2 if biased or (gemma and layer % 2 == 0) else None
        y = joined(attend(q, k, v, 256**-0.5 if gemma else HEAD_DIM**-0.5, window, 50.0 if gemma else None))
        y = linear(y, p + "self_attn.o_proj", HIDDEN, HEADS * HEAD_DIM)
        x = x + (norm(y, p + "post_attention_layernorm") if gemma else y)
        h = norm(x, p + ("pre_feedforward_layernorm" if gemma else "post_attention_layernorm"))
        y = act(linear(h, p + "mlp.gate_proj", MLP, HIDDEN)) * linear(h, p + "mlp.up_proj", MLP, HIDDEN)
        y = linear(y, p + "mlp.down_proj", HIDDEN, MLP)
        x = x + (norm(y, p + "post_feedforward_layernorm") if gemma else y)
    head = "lm_head.weight" if biased else "model.embed_tokens.weight"
    logits = norm(x, "model.norm") @ weight(head, VOCAB, HIDDEN).T
    return losses(30 * torch.tanh(logits / 30) if gemma else logits)


for name, loss in (("gpt2", gpt2()), ("llama", llama()), ("qwen3", llama(qk_norm=True)), ("gemma", llama(gemma=True))):
    print(name, ", ".join(f"{value:.12f}" for value in loss.tolist()))
