"""What is in this gallery, and what the doctor must say of each piece; an empty set: nothing is wrong with it."""

from __future__ import annotations

from typing import NamedTuple


class Case(NamedTuple):
    """One piece: where it is, what it is compared with, every fault that may be named, a train step."""

    target: str
    reference: str
    faults: frozenset[str]
    step: str | None = None

    @property
    def name(self) -> str:
        return (self.step or self.target).replace(".py:", ".")


def _case(target: str, reference: str, faults: str = "", step: str | None = None) -> Case:
    return Case(target, reference, frozenset(faults.split()), step)


BROKEN = (
    _case("course_lstm.py:DetachedState", "lstm", "detached-state"),
    _case("course_lstm.py:OnlyMemoryDetached", "lstm", "detached-state"),
    _case("course_lstm.py:StartsAtOne", "lstm", "dropped-first-step"),
    _case("course_lstm.py:StopsEarly", "lstm", "dropped-last-step"),
    _case("course_lstm.py:InputAndForgetSwapped", "lstm", "gates-swapped"),
    _case("course_lstm.py:NoTanhOfMemory", "lstm", "missing-tanh"),
    _case("course_lstm.py:SigmoidCandidate", "lstm", "wrong-activation"),
    _case("course_lstm.py:KeepsItsState", "lstm", "state-kept-between-calls"),
    _case("course_lstm.py:SoftmaxOverBatch", "lstm", "softmax-wrong-axis"),
    _case("course_lstm.py:NormalEverywhere", "lstm", "normal-initialisation"),
    _case("course_lstm.py:ForgetGateCopiesInputGate", "lstm", "duplicated-parameters untrained-parameter"),
    _case("course_lstm.py:NoForgetBias", "lstm", "missing-forget-bias untrained-parameter"),
    _case("course_lstm.py:TinyEmbedding", "lstm", "small-embedding"),
    _case("course_lstm.py:MemoryGivenBack", "lstm", "wrong-readout"),
    _case("stacked_lstm.py:PlainTensors", "lstm", "unregistered-parameter"),
    _case("stacked_lstm.py:ListOfLinears", "lstm", "unregistered-parameter untrained-parameter"),
    _case("stacked_lstm.py:FirstOutputMissing", "lstm", "dropped-first-step"),
    _case("stacked_lstm.py:AxesConfused", "lstm", "axes-confused"),
    _case("stacked_lstm.py:ViewForTranspose", "lstm", "axes-confused"),
    _case("stacked_lstm.py:DropoutAlways", "lstm", "dropout-in-eval"),
    _case("stacked_lstm.py:WritesInPlace", "lstm", "in-place-edit"),
    _case("stacked_lstm.py:WrongDevice", "lstm", "device-slip"),
    _case("stacked_lstm.py:HalfCell", "lstm", "dtype-slip"),
    _case("stacked_lstm.py:FrozenRecurrence", "lstm", "untrained-parameter"),
    _case("stacked_lstm.py:BiasOnInputGate", "lstm", "forget-bias"),
    _case("other_cells.py:RecurrenceTransposed", "rnn", "transposed-weights"),
    _case("other_cells.py:ReluRNN", "rnn", "wrong-activation"),
    _case("other_cells.py:NoBiasRNN", "rnn", "missing-bias"),
    _case("other_cells.py:SecondLastState", "rnn", "dropped-last-step"),
    _case("other_cells.py:ScalarHistory", "rnn", "detached-state"),
    _case("other_cells.py:ResetBefore", "gru", "reset-before-product"),
    _case("other_cells.py:ResetAfter", "gru-reset-before", "reset-after-product"),
    _case("other_cells.py:ResetForgotten", "gru", "missing-reset untrained-parameter"),
    _case("other_cells.py:ResetAndUpdateSwapped", "gru", "gates-swapped"),
    _case("other_cells.py:OldMemoryPeephole", "peephole", "peephole-on-old-memory"),
    _case("other_cells.py:CoursePeephole", "peephole", "other-peephole-cell"),
    _case("other_cells.py:NewMemoryInCourseCell", "full-peephole", "peephole-on-new-memory"),
    _case("other_cells.py:TanhInCourseCell", "full-peephole", "wrong-activation"),
    _case("graph_layers.py:NoLoops", "gcn", "no-self-loops"),
    _case("graph_layers.py:RowNormalised", "gcn", "wrong-normalisation"),
    _case("graph_layers.py:HalfNormalised", "gcn", "half-normalisation"),
    _case("graph_layers.py:DegreesWithoutLoops", "gcn", "degrees-without-loops"),
    _case("graph_layers.py:Backwards", "gcn", "direction-reversed"),
    _case("graph_layers.py:SoftmaxOverSenders", "gat", "softmax-over-senders"),
    _case("graph_layers.py:AttentionWithoutLoops", "gat", "no-self-loops"),
    *(
        _case("train_steps.py:Classifier", "lstm", faults, f"train_steps.py:{step}")
        for step, faults in (
            ("softmax_over_batch", "softmax-wrong-axis"),
            ("probabilities_into_nll", "probabilities-as-log-probabilities"),
            ("softmax_twice", "probabilities-as-logits"),
            ("clips_too_late", "clip-after-step"),
            ("never_zeroes", "gradients-not-zeroed"),
            ("judges_in_train_mode", "evaluation-in-train-mode"),
            ("evaluate", "evaluation-in-train-mode"),
            ("own_softmax", "softmax-wrong-axis"),
            ("zeroes_too_late", "gradients-zeroed-too-late"),
            ("trains_in_eval_mode", "training-in-eval-mode"),
            ("leaves_eval_mode_on", "training-in-eval-mode"),
            ("loss_without_graph", "loss-cut"),
            ("sigmoid_first", "probabilities-as-logits"),
            ("own_probabilities", "probabilities-as-log-probabilities"),
        )
    ),
    _case("train_steps.py:Tagger", "lstm", "axes-confused", "train_steps.py:classes_by_view"),
)

BLIND = (
    _case("blind_cells.py:WarmUpWithoutGraph", "lstm", "detached-state"),
    _case("blind_cells.py:DoubleZ", "gru", "wrong-update"),
    _case("blind_cells.py:FirstStateRead", "gru", "wrong-readout"),
    _case("blind_cells.py:TanhForget", "lstm", "wrong-activation"),
    _case("blind_cells.py:OutputPeepholeOnly", "peephole", "missing-peephole"),
    _case("blind_cells.py:SigmoidGRU", "gru-reset-before", "wrong-activation"),
    _case("blind_cells.py:CentredOverBatch", "rnn", "batch-leak"),
    _case("blind_cells.py:RandomStart", "lstm", "random-in-eval"),
    _case("blind_cells.py:RemembersLastBatch", "lstm", "state-kept-between-calls"),
    _case("blind_cells.py:TiedGates", "lstm", "duplicated-parameters"),
    _case("blind_cells.py:ReadsBackwards", "rnn", "reversed-sequence"),
    _case("blind_cells.py:AppendsBeforeUpdate", "gru", "dropped-last-step"),
    _case("blind_cells.py:UniformFromZero", "rnn", "poor-initialisation"),
    _case("blind_cells.py:NarrowSymbols", "lstm", "small-embedding"),
    _case("blind_cells.py:StepsOnTheOutput", "rnn", "in-place-edit"),
    _case("blind_cells.py:HalfwayDouble", "rnn", "dtype-slip"),
    _case("blind_cells.py:NoBiasAnywhere", "lstm", "missing-bias"),
    _case("blind_cells.py:OutputGateThroughTanh", "lstm", "wrong-activation"),
    _case("blind_graphs.py:SumLayer", "gcn", "no-normalisation"),
    _case("blind_graphs.py:MeanOfNeighbours", "gcn", "no-self-loops wrong-normalisation"),
    _case("blind_graphs.py:AllEdgesSoftmax", "gat", "softmax-over-senders"),
    _case("blind_graphs.py:NoLeak", "gat", "missing-leaky-relu"),
    _case("blind_steps.py:SoftNet", "gru", "probabilities-as-logits", "blind_steps.py:step_a"),
    _case("blind_steps.py:Net", "gru", "logits-as-log-probabilities", "blind_steps.py:step_b"),
    _case("blind_steps.py:Net", "gru", "clip-before-backward", "blind_steps.py:step_c"),
    _case("blind_steps.py:Net", "gru", "clip-after-step", "blind_steps.py:step_d"),
    _case("blind_steps.py:Tagger", "lstm", "evaluation-in-train-mode", "blind_steps.py:step_e"),
    _case("blind_steps.py:Net", "gru", "evaluation-in-train-mode", "blind_steps.py:accuracy"),
)
"""Written after the doctor, before it had seen them."""

SOUND = (
    _case("sound_cells.py:CourseLSTM", "lstm"),
    _case("sound_cells.py:CourseRNN", "rnn"),
    _case("sound_cells.py:StackedLSTM", "lstm"),
    _case("sound_cells.py:EinsumLSTM", "lstm"),
    _case("sound_cells.py:LinearLSTMCell", "lstm"),
    _case("sound_cells.py:JitCell", "lstm"),
    _case("sound_cells.py:TextModel", "lstm"),
    _case("sound_cells.py:OneHotGRU", "gru"),
    _case("sound_cells.py:BatchFirstClassifier", "lstm"),
    _case("sound_cells.py:SplitGRU", "gru"),
    _case("sound_cells.py:CourseGRU", "gru-reset-before"),
    _case("sound_cells.py:LearnedStart", "rnn"),
    _case("sound_cells.py:GersPeephole", "peephole"),
    _case("sound_cells.py:CoursePeepholeLSTM", "full-peephole"),
    _case("sound_cells.py:PreallocatedLSTM", "lstm"),
    _case("sound_cells.py:OneSequence", "rnn"),
    _case("sound_cells.py:TorchLSTM", "lstm"),
    _case("sound_cells.py:TorchGRU", "gru"),
    _case("sound_cells.py:TorchRNN", "rnn"),
    _case("sound_cells.py:TorchLSTMCell", "lstm"),
    _case("sound_cells.py:RecurrentPeephole", "peephole"),
    _case("sound_cells.py:RecurrentPeepholeCell", "peephole"),
    _case("sound_cells.py:TwoNames", "lstm"),
    _case("sound_cells.py:PretrainedEmbedding", "gru"),
    _case("sound_cells.py:EchoState", "rnn"),
    _case("sound_cells.py:PaddedTagger", "lstm"),
    _case("sound_cells.py:BoundedEmbedding", "gru"),
    _case("sound_cells.py:KeywordState", "lstm"),
    _case("sound_cells.py:BareKeywordState", "lstm"),
    _case("sound_cells.py:NamedPairState", "lstm"),
    _case("sound_cells.py:DataclassState", "lstm"),
    _case("sound_cells.py:DictState", "gru"),
    _case("sound_graphs.py:EdgeGCN", "gcn"),
    _case("sound_graphs.py:DenseGCN", "gcn"),
    _case("sound_graphs.py:DenseGAT", "gat"),
    _case("sound_graphs.py:EdgeGAT", "gat"),
    _case("sound_graphs.py:PyGConvolution", "gcn"),
    _case("sound_graphs.py:PyGAttention", "gat"),
    *(
        _case(f"train_steps.py:{model}", "lstm", "", f"train_steps.py:{step}")
        for model, step in (
            ("Classifier", "right"),
            ("LogClassifier", "right_nll"),
            ("Classifier", "right_with_evaluation"),
            ("Classifier", "right_evaluate"),
            ("Tagger", "right_masked"),
        )
    ),
    _case("blind_steps.py:Net", "gru", "", "blind_steps.py:step_ok"),
    _case("blind_steps.py:Net", "gru", "", "blind_steps.py:step_a"),
)

UNJUDGED = (
    _case("sound_cells.py:TiedLanguageModel", "lstm"),
    _case("sound_cells.py:ProjectingLanguageModel", "gru"),
    _case("sound_cells.py:Bidirectional", "lstm"),
    _case("sound_cells.py:BidirectionalTagger", "lstm"),
    _case("sound_cells.py:ForthAndBack", "gru"),
    _case("sound_cells.py:TwoKeywords", "lstm"),
)
"""Right, with an equation that is not recovered: no fault may be named."""

INDEPENDENT_BROKEN = (
    _case("independent/broken_linear_rnn.py:LinearRNN", "rnn", "device-slip wrong-activation"),
    _case("independent/broken_elman.py:Elman", "rnn", "outside-activation"),
    _case("independent/broken_stateful_rnn.py:StatefulRNN", "rnn", "state-kept-between-calls"),
    _case("independent/broken_no_recurrence.py:NoRecurrence", "rnn", "missing-recurrence untrained-parameter"),
    _case("independent/broken_course_lstm.py:LSTM", "lstm", "device-slip gates-swapped"),
    _case("independent/broken_coupled_lstm.py:CoupledLSTM", "lstm", "missing-gate"),
    _case("independent/broken_out_gate_from_memory.py:OutGateFromMemory", "lstm", "other-cell"),
    _case("independent/broken_lstm_no_bf.py:LSTMNoBf", "lstm", "missing-forget-bias"),
    _case("independent/broken_two_fault_lstm.py:TwoFaultLSTM", "lstm", "detached-state wrong-activation"),
    _case("independent/broken_view_lstm.py:ViewLSTM", "lstm", "axes-confused device-slip"),
    _case("independent/broken_read_memory.py:ReadMemory", "lstm", "wrong-readout"),
    _case("independent/broken_batch_softmax_lstm.py:BatchSoftmaxLSTM", "lstm", "softmax-wrong-axis"),
    _case("independent/broken_reset_memory.py:ResetMemory", "lstm", "missing-gate"),
    _case("independent/broken_list_lstm.py:ListLSTM", "lstm", "unregistered-parameter"),
    _case("independent/broken_hidden_relu_lstm.py:HiddenReluLSTM", "lstm", "wrong-activation"),
    _case("independent/broken_peep_old.py:PeepOld", "peephole", "peephole-on-old-memory"),
    _case("independent/broken_course_peep_h.py:CoursePeepH", "full-peephole", "other-cell"),
    _case("independent/broken_gru_no_one_minus.py:GRUNoOneMinus", "gru", "wrong-update"),
    _case("independent/broken_gru_reset_after.py:GRUResetAfter", "gru-reset-before", "device-slip missing-reset"),
    _case("independent/broken_gru_sigmoid_cand.py:GRUSigmoidCand", "gru", "wrong-activation"),
    _case("independent/broken_gcn_no_loops.py:GCNNoLoops", "gcn", "no-self-loops"),
    _case("independent/broken_gcn_mean.py:GCNMean", "gcn", "wrong-normalisation"),
    _case("independent/broken_gcn_half.py:GCNHalf", "gcn", "wrong-normalisation"),
    _case("independent/broken_gat_zero_mask.py:GATZeroMask", "gat", "softmax-over-senders"),
    _case("independent/broken_gat_global_softmax.py:GATGlobalSoftmax", "gat", "softmax-over-senders"),
    _case("independent/broken_gat_no_leaky.py:GATNoLeaky", "gat", "missing-leaky-relu"),
    _case("independent/broken_gat_wrong_dim.py:GATWrongDim", "gat", "softmax-over-senders"),
    *(
        _case(f"independent/{file}.py:{model}", "lstm", faults, f"independent/{file}.py:{step}")
        for file, model, step, faults in (
            ("train_steps", "SeqModel", "step_no_zero", "gradients-not-zeroed"),
            ("train_steps", "SoftmaxModel", "step_plain", "probabilities-as-logits"),
            ("train_steps", "SeqModel", "step_eval_left", "training-in-eval-mode"),
            ("train_steps", "SeqModel", "step_head_only", "optimiser-misses-parameters"),
            ("train_steps", "SeqModel", "step_own_target", "wrong-target"),
            ("train_steps", "SeqModel", "step_double_backward", "gradients-not-zeroed"),
            ("train_steps", "SeqModel", "step_item", "loss-cut"),
            ("train_steps", "SeqModel", "step_clip_other", "gradients-zeroed-too-late"),
            ("tagger_steps", "Tagger", "step_rolled", "wrong-target"),
            ("tagger_steps", "Tagger", "step_no_zero_closure", "gradients-not-zeroed"),
        )
    ),
    _case("independent/broken_gru_resets.py:GRUzUz", "gru", "missing-reset"),
    _case("independent/broken_gru_resets.py:GRUSoftsignR", "gru", "wrong-activation"),
    _case("independent/broken_cat_swapped.py:CatSwapped", "lstm", "gates-swapped"),
)
"""Written by somebody who had not read the doctor, and what each was named after repair; of the first 57, sound ones
included, 49 came out right. Those of tagger_steps, broken_gru_resets, broken_cat_swapped and sound_course_lstm came with
the repairs."""

INDEPENDENT_SOUND = (
    _case("independent/sound_rnn_classifier.py:RNNClassifier", "rnn"),
    _case("independent/sound_vanilla_rnn.py:VanillaRNN", "rnn"),
    _case("independent/sound_einsum_relu_cell.py:EinsumReLUCell", "rnn-relu"),
    _case("independent/sound_my_lstm.py:MyLSTM", "lstm"),
    _case("independent/sound_dict_lstm.py:DictLSTM", "lstm"),
    _case("independent/sound_lstm.py:LSTM", "lstm"),
    _case("independent/sound_my_lstm_cell.py:MyLSTMCell", "lstm"),
    _case("independent/sound_char_lstm.py:CharLSTM", "lstm"),
    _case("independent/sound_functional_lstm.py:FunctionalLSTM", "lstm"),
    _case("independent/sound_peephole_lstm.py:PeepholeLSTM", "peephole"),
    _case("independent/sound_course_peephole.py:peepLSTM", "full-peephole"),
    _case("independent/sound_gru.py:GRU", "gru"),
    _case("independent/sound_cho_gru.py:ChoGRU", "gru-reset-before"),
    _case("independent/sound_reset_before_gru.py:biGRUless", "gru-reset-before"),
    _case("independent/sound_dense_gcn_layer.py:DenseGCNLayer", "gcn"),
    _case("independent/sound_graph_conv.py:GraphConv", "gcn"),
    _case("independent/sound_graph_attention_layer.py:GraphAttentionLayer", "gat"),
    _case("independent/sound_edge_gat.py:EdgeGAT", "gat"),
    _case("independent/sequence_model.py:SeqModel", "lstm", step="independent/sequence_model.py:train_step"),
    _case("independent/tagger_closure.py:TaggerRNN", "rnn", step="independent/tagger_closure.py:train_one"),
    _case("independent/train_steps.py:SeqModel", "lstm", step="independent/train_steps.py:step_mse"),
    _case("independent/sound_course_lstm.py:LSTM", "lstm"),
    _case("independent/tagger_steps.py:Tagger", "lstm", step="independent/tagger_steps.py:step_last_only"),
    _case("independent/tagger_steps.py:Tagger", "lstm", step="independent/tagger_steps.py:step_smooth"),
    _case("independent/tagger_steps.py:Tagger", "lstm", step="independent/tagger_steps.py:step_two_losses"),
)
