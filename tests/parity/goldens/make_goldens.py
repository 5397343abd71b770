#!/usr/bin/env python3
"""Writes what PyTorch and transformers compute for three tiny models, for tests that have neither.

  make_goldens.py [MODEL...]        scripts/setup --peers installs what it needs

MODEL/config.json, model.safetensors   as save_pretrained writes them: the weights that training starts from
MODEL/text.txt                         the data of job.yaml, letters and other bytes of ASCII: as many windows as a step has samples, so that each step
                                       sees all of them, whatever their order
MODEL/torch-f64, torch-f32-1, -8,      five steps, as a trainer's --dump and --metrics leave them: in f64, and in f32
      torch-f32-sum                    with one and with eight micro-batches, and with weights rounded once a step
MODEL/torch-f64/losses.safetensors     [label, sample, position]: the loss that each of the first labels would have
                                       before the first step: what a softmax keeps of their logits

Numbers of the recipe are exact in f32, and so is what it takes from them: the f64 interpreter, whose programs have f32
constants, computes the same. The recipe here and in job.yaml are one.
"""
import contextlib
import json
import math
import pathlib
import sys
import tempfile

import torch
import transformers
from safetensors.torch import save_file

HERE = pathlib.Path(__file__).resolve().parent
VOCAB, SEQ, SAMPLES, STEPS = 256, 8, 8, 5
LABELS = 16  # whose losses are written
LR, BETAS, EPS, DECAY, MAX_NORM = 2**-10, (58712 / 65536, 61806 / 65536), 2**-10, 0.125, 0.25
SIZES = {"vocab_size": VOCAB, "hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 4,
         "max_position_embeddings": SEQ, "bos_token_id": None, "eos_token_id": None}
GROUPED = SIZES | {"num_key_value_heads": 2, "head_dim": 4, "intermediate_size": 12, "rope_theta": 10000.0,
                   "rms_norm_eps": 2**-20}


def config_of(name):
    if name == "gpt2":
        return transformers.GPT2Config(**SIZES, n_inner=12, layer_norm_epsilon=2**-17, embd_pdrop=0.0, attn_pdrop=0.0, resid_pdrop=0.0)
    if name == "llama":
        return transformers.LlamaConfig(**GROUPED | {"hidden_size": 4}, tie_word_embeddings=False)
    return transformers.Qwen3Config(**GROUPED, tie_word_embeddings=True)


def in_f32(number):
    return torch.tensor(number, dtype=torch.float32).item()


GELU = [in_f32(math.sqrt(2 / math.pi)), in_f32(0.044715)]


def gelu_new(_, x):
    return 0.5 * x * (1 + torch.tanh(GELU[0] * (x + GELU[1] * x**3)))


@contextlib.contextmanager
def everything_in_f64():
    """transformers computes norms, softmax and rotations in f32, whatever the model is in: here f32 means f64.
    The constants of gelu_new stay as f32 has them."""
    gelu = transformers.activations.NewGELUActivation
    kept = torch.float32, torch.float, torch.Tensor.float, gelu.forward
    torch.float32 = torch.float = torch.float64
    torch.Tensor.float, gelu.forward = torch.Tensor.double, gelu_new
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.float32, torch.float, torch.Tensor.float, gelu.forward = kept
        torch.set_default_dtype(torch.float32)


def build(config, weights=None):
    config._attn_implementation = "eager"
    model = transformers.AutoModelForCausalLM.from_config(config, attn_implementation="eager").train()
    for name, parameter in model.named_parameters():
        with torch.no_grad():
            if weights:
                parameter.copy_(weights[name])
            else:  # nothing is 0 or 1, and nothing is small: every term counts
                parameter.normal_(0, 0.3).add_(1 if parameter.ndim == 1 and name.endswith("weight") else 0)
    return model


class SumAdamW(torch.optim.AdamW):
    """Takes decay and step from a weight in one sum, and so rounds it once a step; torch's own rounds it after each."""

    @torch.no_grad()
    def step(self):
        start = {p: p.clone() for group in self.param_groups for p in group["params"]}
        decays = [group["weight_decay"] for group in self.param_groups]
        for p in start:
            p.zero_()
        for group in self.param_groups:
            group["weight_decay"] = 0.0
        super().step()
        for group, decay in zip(self.param_groups, decays):
            group["weight_decay"] = decay
            for p in group["params"]:
                p.sub_(start[p] * (group["lr"] * decay)).add_(start[p])


def losses_of(model, windows, reduction):
    logits = model(input_ids=windows[:, :-1], use_cache=False).logits
    return torch.nn.functional.cross_entropy(logits.flatten(0, 1), windows[:, 1:].flatten(), reduction=reduction)


def tensors_of(model, value):
    return {name: value(parameter).detach().clone().contiguous() for name, parameter in model.named_parameters()}


def train(model, windows, microbatches, folder, adamw=torch.optim.AdamW):
    """Five steps of the recipe; what a trainer would dump goes to `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    matrices = [p for p in model.parameters() if p.ndim > 1]
    vectors = [p for p in model.parameters() if p.ndim == 1]
    optimizer = adamw([{"params": matrices, "weight_decay": DECAY}, {"params": vectors, "weight_decay": 0.0}],
                      lr=LR, betas=BETAS, eps=EPS, foreach=False)
    metrics = []
    for step in range(STEPS):
        optimizer.zero_grad()
        total = 0
        for part in windows.chunk(microbatches):
            loss = losses_of(model, part, "sum")
            loss.backward()
            total = total + loss.detach()
        if step == 0:
            save_file(tensors_of(model, lambda p: p.grad), folder / "gradients.safetensors")
        for parameter in model.parameters():
            parameter.grad /= SAMPLES * SEQ
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), MAX_NORM)
        optimizer.step()
        metrics.append({"step": step + 1, "loss": (total / (SAMPLES * SEQ)).item(), "grad_norm": norm.item()})
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in metrics))
    save_file(tensors_of(model, lambda p: optimizer.state[p]["exp_avg"]), folder / "m.safetensors")
    save_file(tensors_of(model, lambda p: optimizer.state[p]["exp_avg_sq"]), folder / "v.safetensors")
    save_file(tensors_of(model, lambda p: p), folder / "weights.safetensors")
    return metrics


def make(name, seed):
    folder = HERE / name
    folder.mkdir(exist_ok=True)
    torch.manual_seed(seed)
    model = build(config_of(name))
    with tempfile.TemporaryDirectory() as saved:
        model.save_pretrained(saved)
        for file in ("config.json", "model.safetensors"):
            (folder / file).write_bytes((pathlib.Path(saved) / file).read_bytes())
    start = tensors_of(model, lambda p: p)
    row = torch.randint(128, [SAMPLES * SEQ + 1])
    held_out = torch.zeros(SEQ + 1, dtype=row.dtype)  # a trainer wants some
    (folder / "text.txt").write_bytes(bytes(torch.cat([row, held_out]).tolist()))
    windows = row.unfold(0, SEQ + 1, SEQ)

    for microbatches in (1, SAMPLES):
        singles = train(build(config_of(name), start), windows, microbatches, folder / f"torch-f32-{microbatches}")
    train(build(config_of(name), start), windows, 1, folder / "torch-f32-sum", SumAdamW)
    with everything_in_f64():
        model = build(config_of(name), start)
        with torch.no_grad():
            logits = model(input_ids=windows[:, :-1], use_cache=False).logits
        metrics = train(model, windows, 1, folder / "torch-f64")
        save_file({"losses": -logits.log_softmax(-1).permute(2, 0, 1)[:LABELS].contiguous()},
                  folder / "torch-f64" / "losses.safetensors")
    assert model.dtype == torch.float64
    assert all(abs(a["loss"] - b["loss"]) < 1e-5 for a, b in zip(singles, metrics))
    assert max(row["grad_norm"] for row in metrics) > MAX_NORM, "nothing is clipped"
    print(f"{name}: loss {metrics[0]['loss']:.4f} -> {metrics[-1]['loss']:.4f}, norm {metrics[0]['grad_norm']:.3f}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    for seed, model_name in enumerate(["gpt2", "llama", "qwen3"], start=1):
        if len(sys.argv) < 2 or model_name in sys.argv[1:]:
            make(model_name, seed)
